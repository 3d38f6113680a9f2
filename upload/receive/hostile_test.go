package receive_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"spor/upload"
	"spor/upload/receive"
	"spor/upload/tus"
	"spor/upload/uploadtest"
)

// handler is a receiver that is called without a network.
func handler(t *testing.T, limits receive.Limits) (h http.Handler, store string) {
	t.Helper()
	store = t.TempDir()
	if limits.MinFree == 0 {
		limits.MinFree = -1
	}
	srv, err := receive.New(receive.Options{Store: store, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return srv.Handler(), store
}

func newToken(t *testing.T, store, caseID string) string {
	t.Helper()
	return (&desk{store: store}).token(t, caseID)
}

// request talks to a handler as a client with a token would that is not ours.
func request(h http.Handler, token, method, path string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, body)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Tus-Resumable", "1.0.0")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func meta(o upload.Object) string {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	return "filename " + b64(o.Name) + ",sha256 " + b64(o.SHA256)
}

func create(h http.Handler, token string, o upload.Object, header ...string) *httptest.ResponseRecorder {
	return request(h, token, "POST", "/files/", nil, append([]string{
		"Upload-Length", strconv.FormatInt(o.Size, 10), "Upload-Metadata", meta(o),
	}, header...)...)
}

// path of an upload that a creation answered with.
func location(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	_, path, ok := strings.Cut(w.Header().Get("Location"), "example.com")
	if w.Code != http.StatusCreated || !ok {
		t.Fatalf("creation: %d %s %v", w.Code, w.Body, w.Header())
	}
	return path
}

func patch(h http.Handler, token, path string, offset int, b []byte) *httptest.ResponseRecorder {
	return request(h, token, "PATCH", path, bytes.NewReader(b), "Upload-Offset", strconv.Itoa(offset), "Content-Type", "application/offset+octet-stream")
}

// tree lists the regular files below a store that are not of its own keeping.
func tree(t *testing.T, store string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(store, func(p string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(store, p)
		if d.IsDir() && strings.HasPrefix(rel, ".") && rel != "." {
			return filepath.SkipDir
		}
		if !d.IsDir() && rel != ".lock" && rel != "receive.log.jsonl" {
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestATokenCanOnlyBring(t *testing.T) {
	h, store := handler(t, receive.Limits{})
	mine, theirs := newToken(t, store, "c1"), newToken(t, store, "c2")
	b, o := uploadtest.Content("a.pgp", 1000, 1)
	at := location(t, create(h, mine, o))
	if w := patch(h, mine, at, 0, b[:500]); w.Code != http.StatusNoContent {
		t.Fatalf("PATCH: %d %s", w.Code, w.Body)
	}
	for _, tt := range []struct {
		token, method, path string
		header              []string
		want                int
	}{
		{mine, "HEAD", at, nil, 200},
		{mine, "GET", at, nil, 405},
		{mine, "DELETE", at, nil, 405},
		{mine, "PUT", at, nil, 405},
		{mine, "OPTIONS", at, nil, 405},
		{mine, "POST", at, []string{"X-HTTP-Method-Override", "DELETE"}, 405},
		{mine, "POST", "/files/", []string{"X-HTTP-Method-Override", "GET"}, 400}, // a creation without a length
		{mine, "GET", "/files/", nil, 405},
		{mine, "GET", "/", nil, 404},
		{mine, "GET", "/files/../../etc/passwd", nil, 307}, // to the cleaned path, which is none
		{mine, "HEAD", "/files/..%2f..%2f.tokens", nil, 404},
		{mine, "GET", at + "/receipt", nil, 409},
		{mine, "GET", "/files/" + strings.Repeat("0", 32) + "/receipt", nil, 404},
		{theirs, "HEAD", at, nil, 404},
		{theirs, "GET", at + "/receipt", nil, 404},
		{theirs, "PATCH", at, []string{"Upload-Offset", "500", "Content-Type", "application/offset+octet-stream"}, 404},
		{"", "HEAD", at, nil, 401},
		{"", "DELETE", at, nil, 401},
		{"", "GET", "/", nil, 401},
	} {
		if w := request(h, tt.token, tt.method, tt.path, nil, tt.header...); w.Code != tt.want {
			t.Errorf("%s %s %v: %d %s; want %d", tt.method, tt.path, tt.header, w.Code, w.Body, tt.want)
		}
	}
	if w := request(h, mine, "HEAD", at, nil); w.Header().Get("Upload-Offset") != "500" {
		t.Errorf("after all this the offset is %q; want 500", w.Header().Get("Upload-Offset"))
	}
	if w := create(h, theirs, o); location(t, w) == at {
		t.Error("two cases share an upload")
	}
}

func TestBytesComeOnlyByPatch(t *testing.T) {
	h, store := handler(t, receive.Limits{})
	token := newToken(t, store, "c1")
	b, o := uploadtest.Content("a.pgp", 1000, 1)
	w := request(h, token, "POST", "/files/", bytes.NewReader(b), "Upload-Length", "1000", "Upload-Metadata", meta(o), "Content-Type", "application/offset+octet-stream")
	at := location(t, w)
	for _, header := range [][]string{
		{"Upload-Offset", "1"},
		{"Upload-Offset", "-1"},
		{"Upload-Offset", "x"},
		{"Upload-Offset", "0", "Content-Type", "text/plain"},
		{"Upload-Offset", "0", "Tus-Resumable", "0.2.2"},
	} {
		header = append([]string{"Content-Type", "application/offset+octet-stream"}, header...)
		if w := request(h, token, "PATCH", at, bytes.NewReader(b), header...); w.Code < 400 || w.Code >= 500 {
			t.Errorf("PATCH %v: %d; want it refused", header, w.Code)
		}
	}
	if w := patch(h, token, at, 0, append(b, 'x')); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("PATCH of one byte too many: %d; want 413", w.Code)
	}
	if got, _ := os.ReadFile(filepath.Join(store, "c1", "a.pgp.part")); len(got) != 0 {
		t.Errorf("refused requests wrote %d bytes", len(got))
	}
}

func TestHostileNames(t *testing.T) {
	h, store := handler(t, receive.Limits{})
	token := newToken(t, store, "c1")
	for _, name := range append(uploadtest.BadNames, "x.part", "x.BAD", "x.receipt.json") {
		_, o := uploadtest.Content(name, 10, 1)
		if w := create(h, token, o); w.Code != http.StatusBadRequest {
			t.Errorf("name %q: %d %s; want 400", name, w.Code, w.Body)
		}
	}
	good, o := uploadtest.Content("x.pgp", 10, 1)
	for _, sum := range []string{"", "abc", strings.ToUpper(o.SHA256), strings.Repeat("z", 64), o.SHA256 + "00"} {
		p := o
		p.SHA256 = sum
		if w := create(h, token, p); w.Code != http.StatusBadRequest {
			t.Errorf("hash %q: %d %s; want 400", sum, w.Code, w.Body)
		}
	}
	for _, length := range []string{"", "-1", "x", "99999999999999999999"} {
		if w := create(h, token, o, "Upload-Length", length); w.Code != http.StatusBadRequest {
			t.Errorf("length %q: %d %s; want 400", length, w.Code, w.Body)
		}
	}
	for _, header := range [][]string{{"Upload-Defer-Length", "1", "Upload-Length", ""}, {"Upload-Concat", "final;/files/1", "Upload-Length", ""}} {
		if w := create(h, token, o, header...); w.Code < 400 {
			t.Errorf("%v: %d; want it refused", header, w.Code)
		}
	}
	if names := tree(t, store); len(names) > 0 {
		t.Errorf("refused creations left %q", names)
	}
	if w := patch(h, token, location(t, create(h, token, o)), 0, good); w.Code != http.StatusNoContent {
		t.Errorf("a good one after them: %d %s", w.Code, w.Body)
	}
}

func TestQuotas(t *testing.T) {
	const huge = 1 << 62
	for _, tt := range []struct {
		name   string
		limits receive.Limits
		sizes  []int64
		want   []int
	}{
		{"file", receive.Limits{MaxUpload: 100}, []int64{100, 101}, []int{201, 413}},
		{"case", receive.Limits{MaxCase: 100}, []int64{60, 41, 40, 1}, []int{201, 413, 201, 413}},
		{"case, overflowing", receive.Limits{MaxCase: 100}, []int64{60, huge*2 - 1, 40}, []int{201, 413, 201}},
		{"files", receive.Limits{MaxFiles: 2}, []int64{1, 1, 1}, []int{201, 201, 413}},
		{"disk", receive.Limits{MinFree: 1}, []int64{1, huge, 1}, []int{201, 507, 201}},
		{"disk floor", receive.Limits{MinFree: huge}, []int64{1}, []int{507}},
	} {
		h, store := handler(t, tt.limits)
		token, other := newToken(t, store, "c1"), newToken(t, store, "c2")
		for i, size := range tt.sizes {
			_, o := uploadtest.Content(fmt.Sprintf("%d.pgp", i), 1, uint64(i))
			o.Size = size
			if w := create(h, token, o); w.Code != tt.want[i] {
				t.Errorf("%s: file %d of %d bytes: %d %s; want %d", tt.name, i, size, w.Code, w.Body, tt.want[i])
			}
		}
		if _, o := uploadtest.Content("other.pgp", 1, 0); tt.limits.MinFree == 0 {
			if w := create(h, other, o); w.Code != 201 {
				t.Errorf("%s: the other case is refused as well: %d %s", tt.name, w.Code, w.Body)
			}
		}
	}
}

func TestQuotaOfWhatWasTakenAway(t *testing.T) {
	d := start(t, t.TempDir(), func(o *receive.Options) { o.Limits.MaxCase = 1500 })
	token := d.token(t, "c1")
	dst := d.destination(t, tus.Options{Token: token})
	for i := range 3 { // the desk moves each file away before the next one comes
		b, o := uploadtest.Content(fmt.Sprintf("%d.pgp", i), 1000, uint64(i))
		if _, err := upload.Send(t.Context(), dst, []upload.Source{source(o.Name, b)}, once); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(d.store, "c1", o.Name)); err != nil {
			t.Fatal(err)
		}
	}
	b, o := uploadtest.Content("0.pgp", 1000, 0)
	res, err := upload.Send(t.Context(), dst, []upload.Source{source(o.Name, b)}, once)
	if err != nil || res[0].Resumed != 0 {
		t.Errorf("a file the desk no longer has: %+v, %v; want it sent again", res, err)
	}
	b, o = uploadtest.Content("more.pgp", 1000, 9)
	if _, err := upload.Send(t.Context(), dst, []upload.Source{source(o.Name, b)}, once); !errors.Is(err, upload.ErrQuota) {
		t.Errorf("beyond the quota: %v; want ErrQuota", err)
	}
}

func TestUploadsAtOnce(t *testing.T) {
	h, store := handler(t, receive.Limits{Uploads: 1})
	token := newToken(t, store, "c1")
	a, oa := uploadtest.Content("a.pgp", 1000, 1)
	b, ob := uploadtest.Content("b.pgp", 1000, 2)
	atA, atB := location(t, create(h, token, oa)), location(t, create(h, token, ob))
	body, feed := io.Pipe()
	done := make(chan int)
	go func() {
		done <- request(h, token, "PATCH", atA, body, "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream", "Content-Length", "1000").Code
	}()
	if _, err := feed.Write(a[:500]); err != nil {
		t.Fatal(err)
	}
	if w := patch(h, token, atB, 0, b); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("a second body: %d; want 503 with Retry-After", w.Code)
	}
	if _, err := feed.Write(a[500:]); err != nil {
		t.Fatal(err)
	}
	feed.Close()
	if code := <-done; code != http.StatusNoContent {
		t.Errorf("the first body: %d", code)
	}
	if w := patch(h, token, atB, 0, b); w.Code != http.StatusNoContent {
		t.Errorf("after it the second: %d", w.Code)
	}
}

// drip writes a request to a server byte by byte, and says when the server hangs up.
func drip(t *testing.T, addr, head, tail string, every time.Duration) time.Duration {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	began := time.Now()
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	gone := make(chan time.Duration, 1)
	go func() {
		_, _ = io.Copy(io.Discard, c)
		gone <- time.Since(began)
	}()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := 0; time.Since(began) < 30*time.Second; i++ {
		select {
		case after := <-gone:
			return after
		case <-tick.C:
			if i < len(tail) {
				_, _ = io.WriteString(c, tail[i:i+1]) // the reader tells that it is over
			}
		}
	}
	return time.Since(began)
}

func TestSlowLoris(t *testing.T) {
	d := start(t, t.TempDir(), func(o *receive.Options) {
		o.Certificate = nil
		o.Limits.Header, o.Limits.Idle = 500*time.Millisecond, 700*time.Millisecond
	})
	addr := strings.TrimPrefix(d.url, "https://")
	token := d.token(t, "c1")
	_, o := uploadtest.Content("a.pgp", 1000, 1)
	plain, err := tus.New("http://"+addr, tus.Options{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.Offset(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest("POST", "http://"+addr+"/files/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Tus-Resumable", "1.0.0")
	r.Header.Set("Upload-Length", "1000")
	r.Header.Set("Upload-Metadata", meta(o))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	at := resp.Header.Get("Location")
	body := "PATCH " + at + " HTTP/1.1\r\nHost: " + addr + "\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n" +
		"Content-Type: application/offset+octet-stream\r\nContent-Length: 1000\r\nAuthorization: Bearer "
	for _, tt := range []struct {
		name, head, tail string
		every            time.Duration
	}{
		{"says nothing", "", "", time.Second},
		{"headers", "GET / HTTP/1.1\r\n", strings.Repeat("x", 1000), 20 * time.Millisecond},
		{"a body without a token", body + "nobody\r\n\r\n", strings.Repeat("x", 1000), 20 * time.Millisecond},
		{"a body that stops", body + token + "\r\n\r\n", "xx", 20 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if after := drip(t, addr, tt.head, tt.tail, tt.every); after > 20*time.Second {
				t.Errorf("the server kept the connection for %v", after)
			}
		})
	}
	if at, err := plain.Offset(t.Context(), o); err != nil || at != 2 {
		t.Errorf("Offset after a body that stopped at 2: %d, %v", at, err)
	}
}

// cutter is a proxy that hangs up on the client each time so many more bytes have come from it, over whatever
// connections: net/http may open one to spare.
func cutter(t *testing.T, to string, after []int64) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	left := &cuts{after: after}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				s, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer s.Close()
				answered := make(chan struct{})
				go func() { _, _ = io.Copy(c, s); close(answered) }()
				buf := make([]byte, 16<<10)
				for {
					n, err := c.Read(buf)
					n, over := left.take(n)
					if _, sent := s.Write(buf[:n]); err != nil || sent != nil || over {
						_ = s.(*net.TCPConn).CloseWrite() // what has come is read: a reset would drop it
						c.Close()
						<-answered
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// cuts are the numbers of bytes that still may come before each hanging up.
type cuts struct {
	mu    sync.Mutex
	after []int64
}

// take says how many of n bytes go on, and whether the connection is over then.
func (c *cuts) take(n int) (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.after) == 0 {
		return n, false
	}
	if int64(n) < c.after[0] {
		c.after[0] -= int64(n)
		return n, false
	}
	n = int(c.after[0])
	c.after = c.after[1:]
	return n, true
}

func TestHangUps(t *testing.T) {
	d := start(t, t.TempDir(), nil)
	addr := cutter(t, strings.TrimPrefix(d.url, "https://"), []int64{10, 1000, 1 << 20, 3 << 20, 2000, 5 << 20})
	dst, err := tus.New("https://"+addr, tus.Options{Token: d.token(t, "c1"), PinSHA256: d.pin})
	if err != nil {
		t.Fatal(err)
	}
	b, o := uploadtest.Content("a.pgp", 16<<20, 1)
	var breaks int
	var offsets []int64
	res, err := upload.Send(t.Context(), dst, []upload.Source{source(o.Name, b)}, upload.Options{MinWait: 10 * time.Millisecond, Progress: func(p upload.Progress) {
		if p.Phase == upload.Waiting {
			breaks++
			offsets = append(offsets, p.Done)
		}
	}})
	if err != nil || res[0].Receipt.SHA256 != o.SHA256 || breaks < 5 || !slices.IsSorted(offsets) || offsets[len(offsets)-1] < 1<<19 { // a new request ends the one before, whatever of it is on the way
		t.Errorf("%d breaks at %v: %+v, %v; want five at least (net/http itself asks again for what it may), going on each time", breaks, offsets, res, err)
	}
}

// TestAlteredInFlight changes one byte behind TLS, as a broken disk or memory would, and sends what is good after it.
func TestAlteredInFlight(t *testing.T) {
	d := start(t, t.TempDir(), nil)
	token := d.token(t, "c1")
	b, o := uploadtest.Content("a.pgp", 1<<20, 1)
	src := upload.Source{Name: o.Name, Open: func() (io.ReadSeekCloser, error) { return &flipped{ReadSeeker: bytes.NewReader(b)}, nil }}
	res, err := upload.Send(t.Context(), d.destination(t, tus.Options{Token: token}), []upload.Source{src}, upload.Options{})
	if !errors.Is(err, upload.ErrIntegrity) || res[0].Receipt.Announced != o.SHA256 {
		t.Fatalf("%+v, %v; want ErrIntegrity", res, err)
	}
	if names := tree(t, d.store); !slices.Equal(names, []string{"c1/a.pgp.bad"}) {
		t.Errorf("the store has %q; want only the .bad", names)
	}
	if text, _ := os.ReadFile(filepath.Join(d.store, "receive.log.jsonl")); !bytes.Contains(text, []byte(`"event":"bad"`)) {
		t.Errorf("the log says %s", text)
	}
	if _, err := upload.Send(t.Context(), d.destination(t, tus.Options{Token: token}), []upload.Source{source(o.Name, b)}, once); err != nil {
		t.Errorf("the good one after it: %v", err)
	}
	if names := tree(t, d.store); !slices.Equal(names, []string{"c1/a.pgp", "c1/a.pgp.bad", "c1/a.pgp.receipt.json"}) {
		t.Errorf("the store has %q", names)
	}
}

// TestBadUploadsCount sends what is not what it says, again and again: it must not pile up beyond the quotas.
func TestBadUploadsCount(t *testing.T) {
	d := start(t, t.TempDir(), func(o *receive.Options) { o.Limits.MaxCase, o.Limits.MaxFiles = 5000, 3 })
	dst := d.destination(t, tus.Options{Token: d.token(t, "c1")})
	lie := func(name string, i uint64) error {
		b, o := uploadtest.Content(name, 1000, i)
		src := upload.Source{Name: o.Name, Open: func() (io.ReadSeekCloser, error) { return &flipped{ReadSeeker: bytes.NewReader(b)}, nil }}
		_, err := upload.Send(t.Context(), dst, []upload.Source{src}, once)
		return err
	}
	for i := range uint64(5) {
		if err := lie("a.pgp", i); !errors.Is(err, upload.ErrIntegrity) {
			t.Errorf("lie %d: %v; want ErrIntegrity", i, err)
		}
	}
	if records, _ := filepath.Glob(filepath.Join(d.store, ".uploads", "*.json")); len(records) != 1 {
		t.Errorf("%d records for one bad file", len(records))
	}
	for i, want := range []error{upload.ErrIntegrity, upload.ErrIntegrity, upload.ErrQuota} {
		if err := lie(fmt.Sprintf("b%d.pgp", i), 9); !errors.Is(err, want) {
			t.Errorf("bad file %d: %v; want %v", i+2, err, want)
		}
	}
}

// flipped gives other bytes once it was sought in, which is after it was hashed.
type flipped struct {
	io.ReadSeeker
	flip bool
}

func (f *flipped) Seek(offset int64, whence int) (int64, error) {
	f.flip = true
	return f.ReadSeeker.Seek(offset, whence)
}

func (f *flipped) Read(p []byte) (int, error) {
	n, err := f.ReadSeeker.Read(p)
	if n > 0 && f.flip {
		p[n-1] ^= 0x80
	}
	return n, err
}

func (f *flipped) Close() error { return nil }

func TestServeRefusesPlainHTTPToOthers(t *testing.T) {
	srv, err := receive.New(receive.Options{Store: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := srv.Serve(ctx, ln); err == nil || ctx.Err() != nil {
		t.Errorf("Serve without TLS on %v: %v; want a refusal at once", ln.Addr(), err)
	}
}
