package artifacts

import (
	"io/fs"
	"strings"
	"time"
)

// A Shadow is a volume as it was at an earlier time: a shadow copy of Windows.
type Shadow struct {
	Path    Path      `json:"path"`             // where Files has it: `\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy3`
	Drive   Path      `json:"drive"`            // whose copy it is: "C:"; empty: not known
	Created time.Time `json:"created,omitzero"` // UTC
	ID      string    `json:"id,omitempty"`
	SetID   string    `json:"set_id,omitempty"` // of those made at once
	Machine string    `json:"machine,omitempty"`
	Error   string    `json:"error,omitempty"` // why it cannot be read
}

// ShadowDevice is what paths into shadow copies begin with, before their number.
const ShadowDevice = `\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy`

// Renamed is a part of other Files under another name: what lies below From lies below To in them. Errors speak of the
// other name.
type Renamed struct {
	Files    Files
	From, To Path // without a separator at the end: "C:" and the path of a Shadow, or the other way round
}

var _ Files = (*Renamed)(nil)

// Roots implements Files.
func (r *Renamed) Roots() []Path { return []Path{r.From + `\`} }

// Has tells whether a path is below From.
func (r *Renamed) Has(p Path) bool {
	n := len(r.From)
	return len(p) >= n && strings.EqualFold(string(p[:n]), string(r.From)) && (len(p) == n || p[n] == '\\' || p[n] == '/')
}

func (r *Renamed) name(p Path) (Path, error) {
	if !r.Has(p) {
		return "", &fs.PathError{Op: "find", Path: p.String(), Err: fs.ErrNotExist}
	}
	if len(p) == len(r.From) {
		return r.To + `\`, nil
	}
	return r.To + p[len(r.From):], nil
}

// Lstat implements Files.
func (r *Renamed) Lstat(p Path) (Stat, error) {
	to, err := r.name(p)
	if err != nil {
		return Stat{}, err
	}
	return r.Files.Lstat(to)
}

// ReadDir implements Files.
func (r *Renamed) ReadDir(p Path) ([]DirEntry, error) {
	to, err := r.name(p)
	if err != nil {
		return nil, err
	}
	return r.Files.ReadDir(to)
}

// Readlink implements Files.
func (r *Renamed) Readlink(p Path) (Path, error) {
	to, err := r.name(p)
	if err != nil {
		return "", err
	}
	return r.Files.Readlink(to)
}

// Open implements Files.
func (r *Renamed) Open(p Path) (File, error) {
	to, err := r.name(p)
	if err != nil {
		return nil, err
	}
	return r.Files.Open(to)
}

// Mount implements Files: there is but the root.
func (r *Renamed) Mount(Path) (Mount, bool) { return Mount{}, false }
