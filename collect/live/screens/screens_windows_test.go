package screens

import (
	"bytes"
	"image/png"
	"os"
	"testing"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/live/livetest"
)

// TestMain is also the copy of ourselves that delegate starts.
func TestMain(m *testing.M) {
	if Child(os.Args[1:]) {
		return
	}
	os.Exit(m.Run())
}

// Where there is a screen there is a picture, and where there is none that is said.
func TestCollect(t *testing.T) {
	records, notes := livetest.Run[Screen](t, Collector, &artifacts.Host{OS: artifacts.Windows, Live: true})
	for _, s := range records {
		t.Logf("%+v", s)
		if s.Image == "" && s.Error == "" {
			t.Errorf("session %d: neither a picture nor why", s.Session)
		}
	}
	t.Logf("%+v", notes)
	if len(records) == 0 && len(notes) == 0 {
		t.Error("nothing taken, nothing said")
	}
}

// The copy of ourselves says through the pipe what we would see: here for our own user, in our own session.
func TestDelegate(t *testing.T) {
	var own, token windows.Token
	if err := windows.OpenProcessToken(windows.CurrentProcess(), windows.TOKEN_ALL_ACCESS, &own); err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if err := windows.DuplicateTokenEx(own, windows.MAXIMUM_ALLOWED, nil, windows.SecurityImpersonation, windows.TokenPrimary, &token); err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	var ours Shot
	direct, errDirect := take(t.Context(), 0, true, &ours)
	var shot Shot
	picture, err := delegate(t.Context(), token, &shot)
	if (err == nil) != (errDirect == nil) {
		t.Fatalf("through the pipe %v, directly %v", err, errDirect)
	}
	if err != nil {
		t.Logf("no screen here: %v", err)
		if err.Error() == "" || shot.Taken.IsZero() {
			t.Errorf("the copy said nothing: %+v, %v", shot, err)
		}
		return
	}
	if shot.Width != ours.Width || shot.Height != ours.Height || len(direct) == 0 {
		t.Errorf("through the pipe %d × %d, directly %d × %d", shot.Width, shot.Height, ours.Width, ours.Height)
	}
	m, err := png.Decode(bytes.NewReader(picture))
	if err != nil || m.Bounds().Dx() != shot.Width || m.Bounds().Dy() != shot.Height {
		t.Errorf("%v, %v; want %d × %d", m.Bounds(), err, shot.Width, shot.Height)
	}
}
