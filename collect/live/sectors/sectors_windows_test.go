package sectors

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"spor/artifacts"
	"spor/collect/live/livetest"
)

// strict refuses what the driver of a disk refuses: reads of other than whole sectors.
type strict struct{ io.ReaderAt }

func (s strict) ReadAt(p []byte, off int64) (int, error) {
	if off%512 != 0 || len(p)%512 != 0 {
		return 0, fmt.Errorf("%d bytes at %d", len(p), off)
	}
	return s.ReaderAt.ReadAt(p, off)
}

func TestWhole(t *testing.T) {
	disk := make([]byte, 3*unit+512)
	for i := range disk {
		disk[i] = byte(i / 7)
	}
	w := whole{strict{bytes.NewReader(disk)}, int64(len(disk))}
	for _, c := range []struct{ off, length int }{{0, 1}, {3, 8}, {510, 4}, {4090, 5000}, {3 * unit, 512}, {3*unit + 500, 12}, {0, len(disk)}} {
		p := make([]byte, c.length)
		if n, err := w.ReadAt(p, int64(c.off)); n != c.length || err != nil || !bytes.Equal(p, disk[c.off:][:c.length]) {
			t.Errorf("%d bytes at %d: %d, %v", c.length, c.off, n, err)
		}
	}
	if n, err := w.ReadAt(make([]byte, 100), int64(len(disk))-10); n != 10 || err != io.EOF {
		t.Errorf("over the end: %d, %v", n, err)
	}
	if n, err := w.ReadAt(make([]byte, 1), int64(len(disk))); n != 0 || err != io.EOF {
		t.Errorf("behind the end: %d, %v", n, err)
	}
}

// TestRunning holds that each disk of the machine is told with its sectors, or why it cannot be read. Wine has none.
func TestRunning(t *testing.T) {
	rec := &livetest.Recorder{}
	if err := Collector.Collect(t.Context(), &artifacts.Host{OS: artifacts.Windows, Live: true}, rec); err != nil {
		t.Fatal(err)
	}
	for _, r := range rec.Records {
		if d := r.(Disk); d.Size <= 0 || len(d.Items) == 0 {
			t.Errorf("%+v", d)
		}
	}
	if len(rec.Records) == 0 && len(rec.Notes) == 0 {
		t.Error("no disk, and no word why")
	}
	t.Logf("%d disks, notes %+v", len(rec.Records), rec.Notes)
}
