package folder

import (
	"errors"
	"os"
	"testing"

	"spor/upload"
)

func TestFull(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	_, err = f.WriteString("x")
	if got := refused(err); !errors.Is(got, upload.ErrQuota) {
		t.Errorf("refused(%v) = %v; want ErrQuota", err, got)
	}
}
