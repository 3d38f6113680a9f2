package image

import "spor/artifacts"

// shadows reads none here, so that the program for Windows stays small.
func shadows(h *artifacts.Host, d drives, _ []volume) { h.Files = d }
