package receive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"

	"spor/upload"
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

func FuzzAnnounced(f *testing.F) {
	sum := strings.Repeat("0a", 32)
	f.Add("a.pgp", sum, "", int64(1))
	f.Add("../../etc/cron.d/x", sum, "c1", int64(1))
	f.Add("c1/.tokens", strings.ToUpper(sum), "c2", int64(-1))
	ctx := context.WithValue(context.Background(), tokenKey{}, Token{ID: "abcdefgh", Case: "c1"})
	f.Fuzz(func(t *testing.T, name, sha, caseID string, size int64) {
		rec, err := announced(ctx, handler.FileInfo{Size: size, MetaData: handler.MetaData{"filename": name, "sha256": sha, "case": caseID}})
		if err != nil {
			var refused handler.Error
			if !errors.As(err, &refused) || refused.HTTPResponse.StatusCode >= 500 {
				t.Errorf("announced(%q): %v; want a refusal", name, err)
			}
			return
		}
		for _, p := range []string{rec.final(), rec.part(), rec.bad(), rec.receipt()} {
			if path.Dir(p) != "c1" || !filepath.IsLocal(p) {
				t.Errorf("announced(%q) leads to %q", name, p)
			}
		}
		if rec.Case != "c1" || rec.Size != size || path.Dir(rec.file()) != uploadsDir {
			t.Errorf("announced(%q): %+v", name, rec)
		}
	})
}

func FuzzRecord(f *testing.F) {
	o := upload.Object{Name: "a.pgp", Size: 1, SHA256: strings.Repeat("0a", 32)}
	good := record{ID: uploadID("c1", o), Case: "c1", Name: o.Name, Size: 1, SHA256: o.SHA256, State: coming}
	b, err := json.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(bytes.Replace(b, []byte(`"c1"`), []byte(`"..\/.."`), 1))
	f.Add([]byte("{"))
	root, err := os.OpenRoot(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	defer root.Close()
	if err := root.Mkdir(uploadsDir, 0o700); err != nil {
		f.Fatal(err)
	}
	s := &store{root: root}
	name := good.ID + ".json"
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := root.WriteFile(path.Join(uploadsDir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		rec, err := s.load(name)
		if err == nil && (rec.ID != good.ID || path.Dir(rec.final()) != rec.Case || !filepath.IsLocal(rec.final()) || strings.HasPrefix(rec.Case, ".")) {
			t.Errorf("load(%q) = %+v", b, rec)
		}
	})
}
