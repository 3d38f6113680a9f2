package shares

import "testing"

func TestWords(t *testing.T) {
	for n, want := range map[uint32]string{0: "disk", 1: "printer", 3: "ipc", 0x80000003: "ipc special", 0x80000000: "disk special", 9: "other"} {
		if got := shareType(n); got != want {
			t.Errorf("shareType(%#x): got %q, want %q", n, got, want)
		}
	}
	for n, want := range map[uint32]string{0: "", 1: "read", 3: "read write", 7: "read write create", 0x38: ""} {
		if got := modes(n); got != want {
			t.Errorf("modes(%#x): got %q, want %q", n, got, want)
		}
	}
}
