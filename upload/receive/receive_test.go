package receive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"spor/upload"
	"spor/upload/receive"
	"spor/upload/tus"
	"spor/upload/uploadtest"
)

// A desk is a running receiver and what a test needs to talk to it.
type desk struct {
	store string
	url   string
	pin   string
	log   *bytes.Buffer
	stop  func()
}

// start runs a receiver over a store until the test ends or stop is called.
func start(t testing.TB, store string, change func(*receive.Options)) *desk {
	t.Helper()
	cert, pin, err := receive.Certificate(store)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{store: store, pin: pin, log: &bytes.Buffer{}}
	opts := receive.Options{
		Store: store, Certificate: &cert, Log: slog.New(slog.NewJSONHandler(d.log, nil)),
		Limits: receive.Limits{MinFree: -1},
	}
	if change != nil {
		change(&opts)
	}
	srv, err := receive.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.url = "https://" + ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, ln) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(d.stop)
	return d
}

func (d *desk) token(t testing.TB, caseID string) string {
	t.Helper()
	tokens, err := receive.OpenTokens(d.store)
	if err != nil {
		t.Fatal(err)
	}
	defer tokens.Close()
	token, err := tokens.New(caseID, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (d *desk) destination(t testing.TB, opts tus.Options) *tus.Destination {
	t.Helper()
	if opts.PinSHA256 == "" {
		opts.PinSHA256 = d.pin
	}
	dst, err := tus.New(d.url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dst.Close() })
	return dst
}

func source(name string, b []byte) upload.Source {
	return upload.Source{Name: name, Open: func() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader(b)}, nil }}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// once gives no second chance, so that a test sees the first error.
var once = upload.Options{Patience: -1}

func TestContract(t *testing.T) {
	uploadtest.Run(t, func(t *testing.T) func() upload.Destination {
		d := start(t, t.TempDir(), nil)
		token := d.token(t, "2026-001")
		return func() upload.Destination { return d.destination(t, tus.Options{Token: token, Chunk: 1 << 19}) }
	})
}

func TestReceived(t *testing.T) {
	d := start(t, t.TempDir(), func(o *receive.Options) { o.Name = "CERT-IS" })
	b, o := uploadtest.Content("CASE-host-20261121T190000Z.001.tar.zst.pgp", 3<<20, 1)
	results, err := upload.Send(t.Context(), d.destination(t, tus.Options{Token: d.token(t, "c1"), Case: "c1"}), []upload.Source{source(o.Name, b)}, once)
	if err != nil {
		t.Fatal(err)
	}
	r := results[0].Receipt
	if r.Receiver != "CERT-IS" || r.Case != "c1" || time.Since(r.Received) > time.Minute {
		t.Errorf("receipt %+v", r)
	}
	d.stop()
	got, err := os.ReadFile(filepath.Join(d.store, "c1", o.Name))
	if err != nil || !bytes.Equal(got, b) {
		t.Errorf("stored: %d bytes, %v; want the %d that were sent", len(got), err, len(b))
	}
	var onDisk upload.Receipt
	text, err := os.ReadFile(filepath.Join(d.store, "c1", o.Name+".receipt.json"))
	if err != nil || json.Unmarshal(text, &onDisk) != nil || onDisk != r {
		t.Errorf("receipt on disk %s, %v; want %+v", text, err, r)
	}
	var line struct {
		Event, Case, Name, SHA256, Token string
		Size                             int64
	}
	text, err = os.ReadFile(filepath.Join(d.store, "receive.log.jsonl"))
	if err != nil || json.Unmarshal(text, &line) != nil || line.Event != "received" || line.Case != "c1" || line.Name != o.Name ||
		line.SHA256 != o.SHA256 || line.Size != o.Size || line.Token == "" {
		t.Errorf("log %s, %v", text, err)
	}
	if n := strings.Count(d.log.String(), `"msg":"received"`); n != 1 {
		t.Errorf("%d lines logged for one upload:\n%s", n, d.log)
	}
	if left, _ := filepath.Glob(filepath.Join(d.store, "c1", "*.part")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestRefused(t *testing.T) {
	d := start(t, t.TempDir(), nil)
	good := d.token(t, "c1")
	tokens, err := receive.OpenTokens(d.store)
	if err != nil {
		t.Fatal(err)
	}
	defer tokens.Close()
	revoked := d.token(t, "c1")
	if err := tokens.Revoke(strings.Split(revoked, "_")[1]); err != nil {
		t.Fatal(err)
	}
	expired, err := tokens.New("c1", time.Now().Add(1200*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(1300 * time.Millisecond)
	id, secret := strings.Split(good, "_")[1], strings.Split(good, "_")[2]
	for _, tt := range []struct {
		name string
		opts tus.Options
		want error
		says string
	}{
		{"no token", tus.Options{}, upload.ErrUnauthorized, "no such token"},
		{"garbage", tus.Options{Token: "swordfish"}, upload.ErrUnauthorized, "no such token"},
		{"path in the id", tus.Options{Token: "spor_../../../x_" + secret}, upload.ErrUnauthorized, "no such token"},
		{"wrong secret", tus.Options{Token: "spor_" + id + "_" + secret[:51] + "b2"}, upload.ErrUnauthorized, "no such token"},
		{"secret of another", tus.Options{Token: "spor_" + strings.Split(revoked, "_")[1] + "_" + secret}, upload.ErrUnauthorized, "no such token"},
		{"revoked", tus.Options{Token: revoked}, upload.ErrUnauthorized, "revoked"},
		{"expired", tus.Options{Token: expired}, upload.ErrUnauthorized, "expired"},
		{"another case", tus.Options{Token: good, Case: "c2"}, upload.ErrUnauthorized, "another case"},
		{"wrong pin", tus.Options{Token: good, PinSHA256: strings.Repeat("ab", 32)}, upload.ErrCertificate, "nothing was sent"},
	} {
		b, o := uploadtest.Content("refused.pgp", 1000, 1)
		began := time.Now()
		_, err := upload.Send(t.Context(), d.destination(t, tt.opts), []upload.Source{source(o.Name, b)}, upload.Options{})
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v; want %v that says %q", tt.name, err, tt.want, tt.says)
		}
		if time.Since(began) > 30*time.Second {
			t.Errorf("%s: tried again for %v what can never work", tt.name, time.Since(began))
		}
	}
	plain, err := tus.New(d.url, tus.Options{Token: good}) // no pin: the system's roots do not know the receiver
	if err != nil {
		t.Fatal(err)
	}
	if _, err := upload.Send(t.Context(), plain, []upload.Source{source("x.pgp", []byte("x"))}, once); !errors.Is(err, upload.ErrCertificate) {
		t.Errorf("self-signed without a pin: %v; want ErrCertificate", err)
	}
	if left, _ := filepath.Glob(filepath.Join(d.store, "c*")); len(left) > 0 {
		t.Errorf("refused requests left %v", left)
	}
}
