package program

import (
	"slices"
	"testing"

	"spor/artifacts"
	"spor/collect/live/livetest"
)

func TestStatus(t *testing.T) {
	for code, want := range map[uint32]string{
		0: Valid, 0x800b0100: Unsigned, 0x80096010: "bad_digest", 0x800b0109: "untrusted_root", 0x800b0101: "expired", 0x800b010c: "revoked",
		0x800b0111: "distrusted", 0x800b0110: "wrong_use", 0x800b010a: "incomplete_chain", 0x80070005: Unknown,
	} {
		got, known := status(code)
		if got != want || known != (want != Unknown) || !slices.Contains(Statuses, got) {
			t.Errorf("status(%#x): got %q, %v, want %q", code, got, known, want)
		}
	}
}

func TestLook(t *testing.T) {
	files := livetest.Tree{"/bin/a": livetest.Text("hello")}.Files()
	const sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	for range 2 { // the second comes from memory
		if f := Look(t.Context(), files, "/bin/a"); f.SHA256 != sum || f.Size != 5 || f.Error != "" || f.Path != "/bin/a" {
			t.Errorf("got %+v", f)
		}
	}
	if f := Look(t.Context(), files, "/bin/b"); !f.Gone || f.Error == "" || f.SHA256 != "" {
		t.Errorf("nothing there: %+v", f)
	}
	if f := First(t.Context(), files, []string{"/bin", "/bin/b", "/bin/a"}); f == nil || f.Path != "/bin/a" {
		t.Errorf("the first that there is: %+v", f)
	}
	if f := First(t.Context(), files, []string{"/bin/x", "/bin/y"}); f == nil || f.Path != artifacts.Path("/bin/x") || !f.Gone {
		t.Errorf("none there: %+v", f)
	}
	if f := First(t.Context(), files, nil); f != nil {
		t.Errorf("no name: %+v", f)
	}
}
