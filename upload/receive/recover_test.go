package receive_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/upload"
	"spor/upload/receive"
	"spor/upload/tus"
	"spor/upload/uploadtest"
)

// TestKilledBetween makes the states that a kill can leave, by undoing what the last steps did, and sees what the next
// server and the same sender make of them.
func TestKilledBetween(t *testing.T) {
	const id = ".uploads/*.json"
	for _, tt := range []struct {
		name   string
		undo   func(t *testing.T, dir func(string) string)
		resume int64 // where the sender is told to go on
		events int   // lines of the log in the end
	}{
		{"nothing", func(*testing.T, func(string) string) {}, 5000, 1},
		{"record not marked received", func(t *testing.T, at func(string) string) { unmark(t, at(id)) }, 5000, 1},
		{"no receipt yet", func(t *testing.T, at func(string) string) {
			unmark(t, at(id))
			remove(t, at("c1/a.pgp.receipt.json"))
		}, 5000, 2},
		{"whole, not read again", func(t *testing.T, at func(string) string) {
			unmark(t, at(id))
			remove(t, at("c1/a.pgp.receipt.json"))
			rename(t, at("c1/a.pgp"), filepath.Dir(at("c1/a.pgp"))+"/a.pgp.part")
		}, 5000, 2},
		{"cut", func(t *testing.T, at func(string) string) {
			unmark(t, at(id))
			remove(t, at("c1/a.pgp.receipt.json"))
			if err := os.Truncate(at("c1/a.pgp"), 1234); err != nil {
				t.Fatal(err)
			}
			rename(t, at("c1/a.pgp"), filepath.Dir(at("c1/a.pgp"))+"/a.pgp.part")
		}, 1234, 2},
		{"created, no file", func(t *testing.T, at func(string) string) {
			unmark(t, at(id))
			remove(t, at("c1/a.pgp.receipt.json"))
			remove(t, at("c1/a.pgp"))
		}, 0, 2},
		{"record torn", func(t *testing.T, at func(string) string) {
			if err := os.Truncate(at(id), 40); err != nil {
				t.Fatal(err)
			}
		}, 5000, 1},
		{"records gone", func(t *testing.T, at func(string) string) { remove(t, at(id)) }, 5000, 1},
		{"half-written files", func(t *testing.T, at func(string) string) {
			for _, name := range []string{at(id), at("c1/a.pgp")} {
				write(t, filepath.Dir(name)+"/.tmp-XYZ", "{")
			}
		}, 5000, 1},
		{"log torn", func(t *testing.T, at func(string) string) {
			f := at("receive.log.jsonl")
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			write(t, f, string(b)+`{"time":"20`)
		}, 5000, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := t.TempDir()
			b, o := uploadtest.Content("a.pgp", 5000, 1)
			d := start(t, store, nil)
			token := d.token(t, "c1")
			if _, err := upload.Send(t.Context(), d.destination(t, tus.Options{Token: token}), []upload.Source{source(o.Name, b)}, once); err != nil {
				t.Fatal(err)
			}
			d.stop()
			tt.undo(t, func(pattern string) string {
				found, err := filepath.Glob(filepath.Join(store, filepath.FromSlash(pattern)))
				if err != nil || len(found) != 1 {
					t.Fatalf("%s: %v, %v", pattern, found, err)
				}
				return found[0]
			})
			d = start(t, store, nil)
			res, err := upload.Send(t.Context(), d.destination(t, tus.Options{Token: token}), []upload.Source{source(o.Name, b)}, once)
			if err != nil || res[0].Resumed != tt.resume {
				t.Errorf("sent again: %+v, %v; want it resumed at %d", res, err, tt.resume)
			}
			d.stop()
			if names := tree(t, store); !slices.Equal(names, []string{"c1/a.pgp", "c1/a.pgp.receipt.json"}) {
				t.Errorf("the store has %q", names)
			}
			if got, _ := os.ReadFile(filepath.Join(store, "c1", "a.pgp")); !bytes.Equal(got, b) {
				t.Errorf("the file has %d other bytes", len(got))
			}
			log, _ := os.ReadFile(filepath.Join(store, "receive.log.jsonl"))
			if n := bytes.Count(log, []byte("\n")); n != tt.events || !bytes.HasSuffix(log, []byte("}\n")) && tt.name != "log torn" {
				t.Errorf("%d lines in the log, want %d:\n%s", n, tt.events, log)
			}
		})
	}
}

// unmark makes a record say that its upload is still coming.
func unmark(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rec map[string]any
	if err := json.Unmarshal(b, &rec); err != nil {
		t.Fatal(err)
	}
	rec["state"] = "coming"
	delete(rec, "receipt")
	if b, err = json.Marshal(rec); err != nil {
		t.Fatal(err)
	}
	write(t, file, string(b))
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// TestGoodFileIsNeverLost has two uploads claim one name, by way of an operator who removes a .part and a kill.
func TestGoodFileIsNeverLost(t *testing.T) {
	store := t.TempDir()
	d := start(t, store, nil)
	token := d.token(t, "c1")
	first, good := uploadtest.Content("a.pgp", 1000, 1)
	second, other := uploadtest.Content("a.pgp", 1000, 2)
	dst := d.destination(t, tus.Options{Token: token})
	if _, err := dst.Offset(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	remove(t, filepath.Join(store, "c1", "a.pgp.part"))
	if _, err := upload.Send(t.Context(), dst, []upload.Source{source("a.pgp", first)}, once); err != nil {
		t.Fatal(err)
	}
	d.stop()
	records, _ := filepath.Glob(filepath.Join(store, ".uploads", "*.json"))
	for _, file := range records {
		unmark(t, file)
	}
	remove(t, filepath.Join(store, "c1", "a.pgp.receipt.json"))
	d = start(t, store, nil)
	dst = d.destination(t, tus.Options{Token: token})
	res, err := upload.Send(t.Context(), dst, []upload.Source{source("a.pgp", first)}, once)
	if err != nil || res[0].Receipt.SHA256 != good.SHA256 {
		t.Errorf("%+v, %v; want the receipt", res, err)
	}
	if _, err := upload.Send(t.Context(), dst, []upload.Source{source("a.pgp", second)}, once); err == nil {
		t.Error("the other file of that name was received")
	}
	if got, err := os.ReadFile(filepath.Join(store, "c1", "a.pgp")); err != nil || !bytes.Equal(got, first) {
		t.Errorf("the first file: %d bytes, %v", len(got), err)
	}
}

func TestOneServerForAStore(t *testing.T) {
	store := t.TempDir()
	first, err := receive.New(receive.Options{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	if second, err := receive.New(receive.Options{Store: store}); !errors.Is(err, receive.ErrLocked) {
		t.Errorf("a second server: %v, %v; want ErrLocked", second, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := receive.New(receive.Options{Store: store})
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := errors.Join(again.Close(), again.Close()); err != nil {
		t.Error(err)
	}
}

func TestShutdownCutsAndResumes(t *testing.T) {
	store := t.TempDir()
	d := start(t, store, nil)
	token := d.token(t, "c1")
	b, o := uploadtest.Content("a.pgp", 2<<20, 1)
	dst := d.destination(t, tus.Options{Token: token, Chunk: 256 << 10})
	_, err := upload.Send(t.Context(), dst, []upload.Source{source(o.Name, b)}, upload.Options{Rate: 2 << 20, Patience: -1, Progress: func(p upload.Progress) {
		if p.Phase == upload.Sending && p.Done > 600<<10 {
			go d.stop()
		}
	}})
	if err == nil {
		t.Fatal("the server shut down and the upload went on")
	}
	d.stop()
	d = start(t, store, nil)
	res, err := upload.Send(t.Context(), d.destination(t, tus.Options{Token: token}), []upload.Source{source(o.Name, b)}, once)
	if err != nil || res[0].Resumed == 0 {
		t.Errorf("%+v, %v; want it resumed", res, err)
	}
}

func TestTokens(t *testing.T) {
	store := t.TempDir()
	tokens, err := receive.OpenTokens(store)
	if err != nil {
		t.Fatal(err)
	}
	defer tokens.Close()
	if list, err := tokens.List(); err != nil || len(list) != 0 {
		t.Errorf("List of none: %v, %v", list, err)
	}
	for _, id := range []string{"", ".", "..", ".uploads", "a/b", "-x", strings.Repeat("a", 65), "receive.log.jsonl", "Receive.log.JSONL", "con", "é"} {
		if token, err := tokens.New(id, time.Time{}); !errors.Is(err, receive.ErrCase) {
			t.Errorf("New(%q) = %q, %v; want ErrCase", id, token, err)
		}
	}
	if _, err := tokens.New("c1", time.Now().Add(-time.Hour)); err == nil {
		t.Error("a token that has expired already was made")
	}
	text, err := tokens.New("c1", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.New("C1", time.Time{}); err == nil {
		t.Error("cases c1 and C1 would share a folder on some systems")
	}
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	if _, err := tokens.New("c2", until); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(text, "_")
	if len(parts) != 3 || parts[0] != "spor" || len(parts[2]) < 50 {
		t.Errorf("token %q; want spor_<id>_<secret>", text)
	}
	if err := tokens.Revoke(text); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"nobodyxx", "../../x", ""} {
		if err := tokens.Revoke(id); err == nil {
			t.Errorf("Revoke(%q): no error", id)
		}
	}
	list, err := tokens.List()
	if err != nil || len(list) != 2 {
		t.Fatalf("List: %+v, %v", list, err)
	}
	for _, tok := range list {
		if tok.Case == "c1" && (tok.ID != parts[1] || tok.Revoked.IsZero()) || tok.Case == "c2" && (!tok.Revoked.IsZero() || !tok.Expires.Equal(until)) {
			t.Errorf("%+v", tok)
		}
	}
	err = filepath.WalkDir(store, func(p string, d os.DirEntry, err error) error {
		if d.IsDir() {
			return err
		}
		if b, _ := os.ReadFile(p); bytes.Contains(b, []byte(parts[2])) {
			t.Errorf("%s holds the secret", p)
		}
		if info, _ := d.Info(); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", p, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	write(t, filepath.Join(store, ".tokens", "aaaaaaaa.json"), "{")
	if list, err := tokens.List(); err == nil || len(list) != 2 {
		t.Errorf("List with a torn record: %v, %v; want the two, and an error", list, err)
	}
}

func TestCertificate(t *testing.T) {
	store := t.TempDir()
	type made struct {
		cert tls.Certificate
		pin  string
		err  error
	}
	results := make(chan made)
	for range 4 { // a receiver and the maker of a kit may both be the first
		go func() {
			cert, pin, err := receive.Certificate(store)
			results <- made{cert, pin, err}
		}()
	}
	var first made
	for i := range 4 {
		m := <-results
		if m.err != nil {
			t.Fatal(m.err)
		}
		if i == 0 {
			first = m
		}
		if m.pin != first.pin || m.pin != tus.Pin(m.cert.Leaf) {
			t.Errorf("pins differ: %s, %s", m.pin, first.pin)
		}
	}
	files, err := os.ReadDir(filepath.Join(store, ".tls"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v; want one file", files, err)
	}
	if info, err := files[0].Info(); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the key has mode %v, %v", info.Mode(), err)
	}
	write(t, filepath.Join(store, ".tls", files[0].Name()), "garbage")
	if _, _, err := receive.Certificate(store); err == nil {
		t.Error("a broken key file was replaced in silence: no kit would fit any more")
	}
}

func TestPinOutlivesTheName(t *testing.T) {
	d := start(t, t.TempDir(), nil)
	resp, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}).Get(d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized || resp.TLS.Version < tls.VersionTLS12 || tus.Pin(resp.TLS.PeerCertificates[0]) != d.pin {
		t.Errorf("%d over TLS %x with pin %s; want 401, and pin %s", resp.StatusCode, resp.TLS.Version, tus.Pin(resp.TLS.PeerCertificates[0]), d.pin)
	}
}
