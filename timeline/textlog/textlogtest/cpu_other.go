//go:build !linux

package textlogtest

import "time"

// cpu is not measured here.
func cpu() time.Duration { return 0 }
