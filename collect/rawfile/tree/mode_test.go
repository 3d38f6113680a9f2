package tree

import (
	"io/fs"
	"testing"

	"spor/artifacts"
)

func TestMode(t *testing.T) {
	for _, c := range []struct {
		stored uint16
		kind   artifacts.Kind
		mode   fs.FileMode
	}{
		{0o100644, artifacts.Regular, 0o644},
		{0o104755, artifacts.Regular, 0o755 | fs.ModeSetuid},
		{0o041777, artifacts.Directory, 0o777 | fs.ModeSticky},
		{0o122700, artifacts.Symlink, 0o700 | fs.ModeSetgid},
		{0o020600, artifacts.Device, 0o600},
		{0o060600, artifacts.Device, 0o600},
		{0o010600, artifacts.Pipe, 0o600},
		{0o140600, artifacts.Socket, 0o600},
		{0o000600, artifacts.Unknown, 0o600},
	} {
		if kind, mode := Kind(c.stored), Mode(c.stored); kind != c.kind || mode != c.mode {
			t.Errorf("%#o: %v %v, want %v %v", c.stored, kind, mode, c.kind, c.mode)
		}
	}
}
