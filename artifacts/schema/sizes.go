package schema

import (
	"slices"

	"spor/artifacts"
)

// maxSized bounds the files that Sizing asks for their size: a tenth of a second on Linux, a second on Windows.
const maxSized = 10_000

// Sizing is for an estimate of how long a run takes: it keeps what the walk has found by now, and gives a function that says how
// many bytes that is by collector. The function asks the file system, which may hang; of more than maxSized files it takes
// the rest to be like the others.
func (p *Plan) Sizing() func() map[string]int64 {
	found := make([][][]byte, len(p.targets))
	p.found.mu.Lock()
	for i := range p.targets {
		for id, l := range p.found.targets[i].hits.lists {
			if !p.found.wanted[id].listing {
				found[i] = append(found[i], slices.Clone(l.blocks)...)
			}
		}
	}
	p.found.mu.Unlock()
	return func() map[string]int64 {
		sizes := map[string]int64{}
		var files, bytes int64
		for i, blocks := range found {
			for _, b := range blocks {
				inBlock(b, func(kind artifacts.Kind, path artifacts.Path) bool {
					if kind != artifacts.Regular {
						return true
					}
					size := bytes / max(files, 1)
					if files < maxSized {
						st, _ := p.host.Files.Lstat(path) //nolint:errcheck // what cannot be asked has no size
						files, bytes, size = files+1, bytes+st.Size, st.Size
					}
					sizes[p.targets[i].collector.Name] += size
					return true
				})
			}
		}
		return sizes
	}
}
