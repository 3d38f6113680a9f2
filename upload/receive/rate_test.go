package receive

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"
)

// trickle gives n bytes each time it is read, after a pause.
type trickle struct {
	n     int
	pause time.Duration
}

func (r trickle) Read(p []byte) (int, error) {
	time.Sleep(r.pause)
	return copy(p, strings.Repeat("x", r.n)), nil
}

func TestMinRate(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "part"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	synctest.Test(t, func(t *testing.T) {
		u := &file{s: &store{limits: Limits{MinRate: 100, MinFree: -1}}}
		began := time.Now()
		n, err := u.write(f, 0, trickle{n: 99 * 5, pause: 5 * time.Second})
		tooSlow, ok := err.(handler.Error)
		if !ok || tooSlow.HTTPResponse.StatusCode != http.StatusRequestTimeout || time.Since(began) != time.Minute || n != 99*60 {
			t.Errorf("99 bytes a second: %d bytes, %v after %v; want 408 after a minute", n, err, time.Since(began))
		}
		if n, err := u.write(f, n, io.LimitReader(trickle{n: 101 * 5, pause: 5 * time.Second}, 101*3600)); err != nil || n != 101*3600 {
			t.Errorf("101 bytes a second for an hour: %d bytes, %v", n, err)
		}
	})
}

func TestRefusalsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		log := slog.New(slog.NewTextHandler(&b, nil))
		var q refusals
		for range 10_000 {
			q.log(log, "refused")
		}
		time.Sleep(time.Second)
		q.log(log, "refused")
		if n := strings.Count(b.String(), "\n"); n != 2 || !strings.Contains(b.String(), "more_before=9999") {
			t.Errorf("%d lines:\n%s", n, b.String())
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add("spor_abcdefgh_" + strings.Repeat("a", 52))
	f.Add("spor_../../etc_" + strings.Repeat("a", 52))
	f.Fuzz(func(t *testing.T, text string) {
		id, secret, ok := parseToken(text)
		if ok && (!filepath.IsLocal(id) || filepath.Base(id) != id || strings.ContainsAny(id, `./\:`) || "spor_"+id+"_"+secret != text) {
			t.Errorf("parseToken(%q) = %q, %q", text, id, secret)
		}
	})
}
