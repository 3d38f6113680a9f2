package tus_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"spor/upload"
	"spor/upload/tus"
	"spor/upload/uploadtest"
)

// honest is a small tus server with one upload, of which a test replaces the part that is to lie.
type honest struct {
	mu      sync.Mutex
	have    []byte
	size    int64
	name    string
	post    http.HandlerFunc
	head    http.HandlerFunc
	patch   http.HandlerFunc
	receipt http.HandlerFunc
}

func (h *honest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	serve := map[string]http.HandlerFunc{"POST": h.post, "HEAD": h.head, "PATCH": h.patch, "GET": h.receipt}[r.Method]
	if serve != nil {
		serve(w, r)
		return
	}
	w.Header().Set("Tus-Resumable", "1.0.0")
	switch r.Method {
	case "POST":
		h.size, _ = strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
		name, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Upload-Metadata"), "filename "), ",")
		b, _ := base64.StdEncoding.DecodeString(name)
		h.name = string(b)
		w.Header().Set("Location", "http://elsewhere.example/files/1")
		w.WriteHeader(http.StatusCreated)
	case "HEAD":
		w.Header().Set("Upload-Offset", strconv.Itoa(len(h.have)))
		w.Header().Set("Upload-Length", strconv.FormatInt(h.size, 10))
	case "PATCH":
		b, _ := io.ReadAll(r.Body)
		h.have = append(h.have, b...)
		w.Header().Set("Upload-Offset", strconv.Itoa(len(h.have)))
		w.WriteHeader(http.StatusNoContent)
	case "GET":
		sum := sha256.Sum256(h.have)
		fmt.Fprintf(w, `{"name":%q,"size":%d,"sha256":%q}`, h.name, len(h.have), hex.EncodeToString(sum[:]))
	}
}

func send(t *testing.T, url string, opts tus.Options, b []byte, o upload.Object) error {
	t.Helper()
	d, err := tus.New(url, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	src := upload.Source{Name: o.Name, Open: func() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader(b)}, nil }}
	_, err = upload.Send(t.Context(), d, []upload.Source{src}, upload.Options{Patience: -1})
	return err
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

func TestHonest(t *testing.T) {
	h := &honest{}
	srv := httptest.NewServer(h)
	defer srv.Close()
	b, o := uploadtest.Content("a.pgp", 1<<20, 1)
	if err := send(t, srv.URL, tus.Options{Token: "t", Chunk: 300_000}, b, o); err != nil || !bytes.Equal(h.have, b) {
		t.Errorf("%v, %d bytes arrived of %d", err, len(h.have), len(b))
	}
}

func status(code int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Tus-Resumable", "1.0.0")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// endless never stops answering.
func endless(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status(code, "", header...)(w, r)
		junk := bytes.Repeat([]byte("["), 32<<10)
		for {
			if _, err := w.Write(junk); err != nil {
				return
			}
		}
	}
}

func TestHostileServers(t *testing.T) {
	b, o := uploadtest.Content("a.pgp", 200_000, 1)
	for _, tt := range []struct {
		name string
		h    *honest
		want error  // nil: one that is worth another attempt, so ErrUnreachable
		says string // in the error
	}{
		{"log-in page", &honest{post: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Welcome") }}, upload.ErrRefused, "check the URL"},
		{"created, but not tus", &honest{post: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/x")
			w.WriteHeader(201)
		}}, upload.ErrRefused, "not a receiver"},
		{"no location", &honest{post: status(201, "")}, upload.ErrRefused, "not a receiver"},
		{"redirect", &honest{post: status(307, "", "Location", "https://evil.example/")}, upload.ErrRefused, "307"},
		{"401", &honest{post: status(401, "the token has expired")}, upload.ErrUnauthorized, "the token has expired"},
		{"403", &honest{patch: status(403, "")}, upload.ErrUnauthorized, "403"},
		{"413", &honest{post: status(413, "")}, upload.ErrQuota, "make room"},
		{"507 while sending", &honest{patch: status(507, "disk")}, upload.ErrQuota, "disk"},
		{"409 name", &honest{post: status(409, "taken")}, upload.ErrConflict, "taken"},
		{"409 offset", &honest{patch: status(409, "")}, nil, "409"},
		{"500", &honest{post: status(500, "oops")}, nil, "500 oops"},
		{"escape codes", &honest{post: status(500, "\x1b]0;pwned\x07\r\n\x1b[2J")}, nil, "500 ?]0;pwned???"},
		{"endless error", &honest{post: endless(500)}, nil, "[[["},
		{"endless created", &honest{post: endless(201, "Location", "/x")}, upload.ErrRefused, ""},
		{"offset is no number", &honest{head: status(200, "", "Upload-Offset", "many", "Upload-Length", "200000")}, nil, "many"},
		{"offset negative", &honest{head: status(200, "", "Upload-Offset", "-5", "Upload-Length", "200000")}, nil, "-5"},
		{"offset beyond", &honest{head: status(200, "", "Upload-Offset", "200001", "Upload-Length", "200000")}, upload.ErrRefused, "200001"},
		{"another length", &honest{head: status(200, "", "Upload-Offset", "0", "Upload-Length", "7")}, upload.ErrRefused, `"7"`},
		{"chunk not counted", &honest{patch: status(204, "", "Upload-Offset", "0")}, nil, "the server has 0"},
		{"receipt is garbage", &honest{receipt: status(200, "all is well")}, nil, "receipt"},
		{"receipt is endless", &honest{receipt: endless(200)}, nil, "receipt"},
		{"receipt is empty", &honest{receipt: status(200, "{}")}, upload.ErrIntegrity, ""},
		{"receipt for other content", &honest{receipt: status(422, `{"sha256":"beef"}`)}, upload.ErrIntegrity, "beef"},
		{"receipt never comes", &honest{receipt: status(202, "")}, nil, "no receipt within"},
		{"huge header", &honest{post: status(201, "", "Location", "/x", "X-Junk", strings.Repeat("j", 100<<10))}, nil, ""},
		{"hangs up", &honest{patch: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(tt.h)
			defer srv.Close()
			want := tt.want
			if want == nil {
				want = upload.ErrUnreachable
			}
			began := time.Now()
			err := send(t, srv.URL, tus.Options{Token: "t", Idle: 2 * time.Second, Receipt: 300 * time.Millisecond}, b, o)
			if !errors.Is(err, want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v; want %v that says %q", err, want, tt.says)
			}
			if len(err.Error()) > 700 || strings.ContainsAny(err.Error(), "\x1b\r\x07") {
				t.Errorf("the server wrote %d bytes into the error: %q", len(err.Error()), err)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestTokenGoesNowhereElse(t *testing.T) {
	var leaked bool
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { leaked = true }))
	defer evil.Close()
	b, o := uploadtest.Content("a.pgp", 10, 1)
	for name, h := range map[string]*honest{
		"redirect": {post: status(307, "", "Location", evil.URL)},
		"location": {post: status(201, "", "Location", evil.URL+"/files/1")},
	} {
		srv := httptest.NewServer(h)
		err := send(t, srv.URL, tus.Options{Token: "secret"}, b, o)
		srv.Close()
		if leaked {
			t.Errorf("%s: another server was asked; err %v", name, err)
		}
	}
}

// TestStall connects to servers that say nothing, before and after they have taken some of the body.
func TestStall(t *testing.T) {
	for name, h := range map[string]func(*honest, chan struct{}){
		"no answer to the creation": func(h *honest, end chan struct{}) { h.post = func(http.ResponseWriter, *http.Request) { <-end } },
		"body not read":             func(h *honest, end chan struct{}) { h.patch = func(http.ResponseWriter, *http.Request) { <-end } },
		"no answer to the body": func(h *honest, end chan struct{}) {
			h.patch = func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				<-end
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			end := make(chan struct{})
			server := &honest{}
			h(server, end)
			srv := httptest.NewServer(server)
			defer srv.Close()
			defer close(end)
			b, o := uploadtest.Content("a.pgp", 32<<20, 1) // more than the buffers of a socket
			began := time.Now()
			err := send(t, srv.URL, tus.Options{Token: "t", Idle: 300 * time.Millisecond}, b, o)
			if took := time.Since(began); !errors.Is(err, upload.ErrUnreachable) || !strings.Contains(err.Error(), "nothing moved") || took > 30*time.Second {
				t.Errorf("after %v: %v; want a timeout", took, err)
			}
		})
	}
}

// TestSlowIsNotStalled sends for longer than Idle while the server says nothing.
func TestSlowIsNotStalled(t *testing.T) {
	srv := httptest.NewServer(&honest{})
	defer srv.Close()
	d, err := tus.New(srv.URL, tus.Options{Token: "t", Idle: 1500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	b, o := uploadtest.Content("a.pgp", 800_000, 1)
	src := upload.Source{Name: o.Name, Open: func() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader(b)}, nil }}
	began := time.Now()
	_, err = upload.Send(t.Context(), d, []upload.Source{src}, upload.Options{Patience: -1, Rate: 400_000})
	if took := time.Since(began); err != nil || took < 1800*time.Millisecond {
		t.Errorf("two seconds of sending with 1.5 idle allowed: %v after %v", err, took)
	}
}

func TestCancelEndsARequest(t *testing.T) {
	end := make(chan struct{})
	h := &honest{post: func(http.ResponseWriter, *http.Request) { <-end }}
	srv := httptest.NewServer(h)
	defer srv.Close()
	defer close(end)
	d, err := tus.New(srv.URL, tus.Options{Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(100*time.Millisecond, func() { cancel(why) })
	_, o := uploadtest.Content("a.pgp", 10, 1)
	began := time.Now()
	if _, err := d.Offset(ctx, o); err == nil || time.Since(began) > 30*time.Second {
		t.Errorf("after %v: %v; want an error at once", time.Since(began), err)
	}
}

func TestNew(t *testing.T) {
	for _, tt := range []struct {
		url  string
		opts tus.Options
		ok   bool
	}{
		{"https://cert.example", tus.Options{}, true},
		{"https://cert.example:8443/", tus.Options{}, true},
		{"https://cert.example/in/files", tus.Options{}, true},
		{"http://127.0.0.1:1/", tus.Options{}, true},
		{"http://[::1]:1/", tus.Options{}, true},
		{"http://localhost:1/", tus.Options{}, true},
		{"http://cert.example/", tus.Options{}, false},
		{"http://127.0.0.1.evil.example/", tus.Options{}, false},
		{"http://10.0.0.1/", tus.Options{}, false},
		{"ftp://cert.example/", tus.Options{}, false},
		{"https://user:pass@cert.example/", tus.Options{}, false},
		{"https:///files", tus.Options{}, false},
		{"cert.example", tus.Options{}, false},
		{"https://cert.example/?q", tus.Options{}, false},
		{"", tus.Options{}, false},
		{"https://cert.example", tus.Options{PinSHA256: "abc"}, false},
		{"https://cert.example", tus.Options{Token: "a\nb"}, false},
	} {
		if _, err := tus.New(tt.url, tt.opts); (err == nil) != tt.ok {
			t.Errorf("New(%q, %+v): %v; want ok %v", tt.url, tt.opts, err, tt.ok)
		}
	}
}

func TestParsePin(t *testing.T) {
	sum := sha256.Sum256([]byte("key"))
	h, b := hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(sum[:])
	for _, s := range []string{h, strings.ToUpper(h), b, "sha256//" + b, "sha256/" + b, "sha256//" + h, " " + h + "\n", h[:2] + ":" + h[2:]} {
		if got, err := tus.ParsePin(s); err != nil || got != sum {
			t.Errorf("ParsePin(%q) = %x, %v", s, got, err)
		}
	}
	for _, s := range []string{"", h[:62], h + "00", "x" + h[1:], b[:40]} {
		if got, err := tus.ParsePin(s); err == nil {
			t.Errorf("ParsePin(%q) = %x; want an error", s, got)
		}
	}
}

func FuzzParsePin(f *testing.F) {
	f.Add(strings.Repeat("ab", 32))
	f.Add("sha256//" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	f.Fuzz(func(t *testing.T, s string) {
		pin, err := tus.ParsePin(s)
		if err != nil {
			return
		}
		if again, err := tus.ParsePin(hex.EncodeToString(pin[:])); err != nil || again != pin {
			t.Errorf("ParsePin(%q) = %x, and that again %x, %v", s, pin, again, err)
		}
	})
}
