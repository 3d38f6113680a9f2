package artifacts

import (
	"context"
	"iter"
)

// An Undeleter is Files whose file system still knows names that were deleted.
type Undeleter interface {
	// Undelete gives them. An error tells of one record, and more may follow.
	Undelete(ctx context.Context) iter.Seq2[DeletedFile, error]
}

// A DeletedFile is a name that was deleted. What it held may belong to others by now.
type DeletedFile struct {
	Path       Path   `json:"path"` // as far as the folders it lay in are known
	Record     uint64 `json:"record"`
	Sequence   uint16 `json:"sequence"`
	Directory  bool   `json:"directory,omitempty"`
	Size       int64  `json:"size"` // bytes
	Attributes uint32 `json:"attributes,omitempty"`
	Times      Times  `json:"times,omitzero"`
	NameTimes  Times  `json:"name_times,omitzero"` // of the name itself, which programs cannot set ($FILE_NAME)
}
