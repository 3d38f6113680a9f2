package schema

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"spor/artifacts"
)

const withheldReason = "secret by another definition: taken only with --include-secrets"

var errNoWalk = errors.New("the walk that finds its paths did not begin")

// collect takes what the walk found for a definition, in the order of its sources, and what its registry keys hold.
func (t *target) collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	for _, o := range t.left {
		rec.Note(o)
	}
	if len(t.files) > 0 {
		if err := t.collectFiles(ctx, h, rec); err != nil {
			return err
		}
	}
	return t.collectKeys(ctx, h, rec)
}

func (t *target) collectFiles(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	f := t.plan.found
	if !f.hasBegun() {
		return errNoWalk
	}
	hits, outcomes, complete := f.of(t.number)
	for _, o := range outcomes {
		rec.Note(o)
	}
	if !complete && !hits.none() {
		rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: "there may be more: the walk did not come to its end"})
	}
	return t.take(ctx, h, rec, hits)
}

// take takes or lists what was found, in order, and says for each pattern that lists how much that was.
func (t *target) take(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, found hits) error {
	streams := make(map[artifacts.Path]bool) // by pattern: whether any file has that stream
	for _, id := range found.patterns() {
		listed := 0
		want := &t.plan.found.wanted[id]
		for hit := range found.take(id) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if want.stream != "" {
				has := hasStream(h, rec, &hit, want.stream)
				if streams[want.text] = streams[want.text] || has; !has {
					continue
				}
			}
			if !want.listing {
				if err := t.one(ctx, rec, hit); err != nil {
					return err
				}
				continue
			}
			done, err := listPath(h, rec, hit.path)
			if err != nil {
				return err
			}
			if done {
				listed++
			}
		}
		if listed > 0 {
			rec.Note(artifacts.Outcome{Path: want.text, Status: artifacts.Collected, Reason: fmt.Sprintf("%d listed, without content", listed)})
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(streams)) {
		if !streams[pattern] {
			rec.Note(artifacts.Outcome{Path: pattern, Status: artifacts.Absent})
		}
	}
	return nil
}

// hasStream turns what was found into its alternate data stream of a name. It is false where there is none, which is no
// outcome: a wildcard asks every file. Of a placeholder nothing is asked, because that could fetch it.
func hasStream(h *artifacts.Host, rec artifacts.Recorder, found *hit, stream string) bool {
	if found.kind != artifacts.Regular {
		return false
	}
	p := found.path + artifacts.Path(":"+stream)
	st, err := h.Files.Lstat(p)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			rec.Note(artifacts.Outcome{Path: p, Status: status(err), Reason: reason(err)})
		}
		return false
	}
	found.path, found.kind = p, st.Kind
	return true
}

// one takes one file or link the walk found. Its error means that the run is over.
func (t *target) one(ctx context.Context, rec artifacts.Recorder, hit hit) error {
	switch {
	case hit.kind == artifacts.Directory:
		if t.def != nil {
			rec.Note(artifacts.Outcome{Path: hit.path, Status: artifacts.Skipped, Reason: "a directory, where the definition means a file"})
		}
		return nil
	case !t.collector.Secret && t.plan.withheld(hit.path):
		rec.Note(artifacts.Outcome{Path: hit.path, Status: artifacts.Skipped, Reason: withheldReason})
		return nil
	}
	return rec.Take(ctx, hit.path)
}

// Withhold tells why a path is not to be taken by anyone: a secret definition names it, as the walk found it or as it is
// spelled. It is empty for all others, and where secrets were asked for. It is asked once Collectors has been called.
func (p *Plan) Withhold(path artifacts.Path) string {
	if p.found == nil || !p.withheld(path) {
		return ""
	}
	return withheldReason
}

// withheld tells whether a path is named by a secret definition, as the walk found it or as it is spelled.
func (p *Plan) withheld(path artifacts.Path) bool {
	if p.options.Secrets {
		return false
	}
	return p.found.has(p.guard, path) || len(p.secrets.matches(names(p.host.OS, path))) > 0
}

// A pathRecord is the line that is written for what a PATH source names.
type pathRecord struct {
	Path       artifacts.Path  `json:"path"`
	Kind       string          `json:"kind"`
	Size       int64           `json:"size"` // bytes
	Times      artifacts.Times `json:"times,omitzero"`
	Mode       string          `json:"mode,omitempty"` // as ls writes it
	UID        string          `json:"uid,omitempty"`
	GID        string          `json:"gid,omitempty"`
	Inode      uint64          `json:"inode,omitempty"`
	Device     uint64          `json:"device,omitempty"`
	Links      uint64          `json:"links,omitempty"`
	Attributes uint32          `json:"attributes,omitempty"` // Windows FILE_ATTRIBUTE_*
	Flags      string          `json:"flags,omitempty"`      // of Linux: "a" append-only, "i" immutable
	Link       artifacts.Path  `json:"link,omitempty"`       // the text of a symbolic link
}

// listPath records that a path is there, and what its file system says of it. Its error means that the run is over.
func listPath(h *artifacts.Host, rec artifacts.Recorder, p artifacts.Path) (done bool, err error) {
	st, err := h.Files.Lstat(p)
	if err != nil {
		rec.Note(artifacts.Outcome{Path: p, Status: status(err), Reason: reason(err)})
		return false, nil
	}
	line := pathRecord{
		Path: p, Kind: st.Kind.String(), Size: st.Size, Times: st.Times, UID: st.UID, GID: st.GID,
		Inode: st.Inode, Device: st.Device, Links: st.Links, Attributes: st.Attributes, Flags: st.Flags,
	}
	if h.OS != artifacts.Windows {
		line.Mode = st.Mode.String()
	}
	if st.Kind == artifacts.Symlink {
		line.Link, _ = h.Files.Readlink(p) // a link that cannot be read is still there
	}
	return true, rec.Record(line)
}
