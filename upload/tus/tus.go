// Package tus is the destination that is a tus server: version 1.0.0 of the protocol (tus.io/protocols/resumable-upload)
// with its creation extension, over HTTP/1.1 and TLS. It is made for the receiver of spor, which answers the creation
// of an upload it knows with the upload it has, and gives a receipt at <upload>/receipt.
package tus

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"spor/upload"
)

// Options are what a destination needs beside its URL.
type Options struct {
	Token     string        // sent as "Authorization: Bearer"
	Case      string        // refused if the token is for another case; empty: the token's
	PinSHA256 string        // see ParsePin; where given only the pin counts, else the system's trusted roots
	Idle      time.Duration // a connection on which nothing moves for so long is given up; zero: one minute
	Chunk     int64         // bytes a single request carries at most, after which the receiver says what it has; zero: 64 MiB
	Receipt   time.Duration // how long to wait for a receiver that is still reading what it got; zero: one hour
}

// Destination sends to one tus server.
type Destination struct {
	base    *url.URL // of the collection of uploads; ends in '/'
	opts    Options
	client  *http.Client
	uploads map[upload.Object]*url.URL // where the server put them
}

var (
	_ upload.Destination = (*Destination)(nil)
	_ upload.Checker     = (*Destination)(nil)
)

// protocol is the version of tus that both sides must speak.
const protocol = "1.0.0"

// New checks the URL and the options; it connects to nothing. A URL without a path means /files/ there. Plain http is
// taken only to loopback addresses.
func New(rawURL string, opts Options) (*Destination, error) {
	base, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	if opts.Idle <= 0 {
		opts.Idle = time.Minute
	}
	if opts.Chunk <= 0 {
		opts.Chunk = 64 << 20
	}
	if opts.Receipt <= 0 {
		opts.Receipt = time.Hour
	}
	if strings.ContainsAny(opts.Token, " \t\r\n") {
		return nil, errors.New("the token holds white space; give it as it was issued")
	}
	transport, err := newTransport(opts)
	if err != nil {
		return nil, err
	}
	return &Destination{
		base: base,
		opts: opts,
		client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a token goes nowhere else
		},
		uploads: map[upload.Object]*url.URL{},
	}, nil
}

func parseURL(rawURL string) (*url.URL, error) {
	base, err := url.Parse(rawURL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("destination: %w", err)
	case base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "":
		return nil, fmt.Errorf("destination %q: it should read https://host:port/", base.Redacted())
	case base.Scheme == "http" && !loopback(base.Hostname()):
		return nil, fmt.Errorf("destination %q: only https is safe; plain http is for this very machine", rawURL)
	case base.Scheme != "https" && base.Scheme != "http":
		return nil, fmt.Errorf("destination %q: not an https URL", rawURL)
	}
	if base.Path == "" || base.Path == "/" {
		base.Path = "/files"
	}
	return base.JoinPath("/"), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close gives up connections that are kept for the next request.
func (d *Destination) Close() error {
	d.client.CloseIdleConnections()
	return nil
}

// Check asks for an upload that cannot be there. A receiver that takes the token says so; others refuse, or are none.
func (d *Destination) Check(ctx context.Context) error {
	resp, err := d.do(ctx, http.MethodHead, d.base.JoinPath("none"), nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode != http.StatusNotFound:
		return refusal(resp)
	case resp.Header.Get("Tus-Resumable") != protocol:
		return d.noReceiver()
	}
	return nil
}

// noReceiver is about an answer that no receiver gives.
func (d *Destination) noReceiver() error {
	return fmt.Errorf("%w: what answers at %s is not a receiver; check the URL, and whether a proxy or log-in page stands between", upload.ErrRefused, d.base)
}

// Offset creates the upload, or finds it if the server has it, and asks how far it is.
func (d *Destination) Offset(ctx context.Context, o upload.Object) (int64, error) {
	if err := upload.CheckName(o.Name); err != nil {
		return 0, err
	}
	at, err := d.create(ctx, o)
	if err != nil {
		return 0, err
	}
	resp, err := d.do(ctx, http.MethodHead, at, nil, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent {
		return 0, refusal(resp)
	}
	offset, err := number(resp, "Upload-Offset")
	if err != nil {
		return 0, err
	}
	if size, err := number(resp, "Upload-Length"); err != nil || size != o.Size {
		return 0, fmt.Errorf("%w: it has the upload with a length of %q, not %d", upload.ErrRefused, resp.Header.Get("Upload-Length"), o.Size)
	}
	d.uploads[o] = at
	return offset, nil
}

func (d *Destination) create(ctx context.Context, o upload.Object) (*url.URL, error) {
	h := http.Header{}
	h.Set("Upload-Length", strconv.FormatInt(o.Size, 10))
	meta := "filename " + b64(o.Name) + ",sha256 " + b64(o.SHA256)
	if d.opts.Case != "" {
		meta += ",case " + b64(d.opts.Case)
	}
	h.Set("Upload-Metadata", meta)
	resp, err := d.do(ctx, http.MethodPost, d.base, h, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return nil, refusal(resp)
	}
	loc, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || loc.Path == "" || resp.Header.Get("Tus-Resumable") != protocol {
		return nil, d.noReceiver()
	}
	// The server may not know by which name it was reached, and must not send us elsewhere: only its path is taken.
	return d.base.ResolveReference(&url.URL{Path: loc.Path, RawPath: loc.RawPath, RawQuery: loc.RawQuery}), nil
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// Append sends r in requests of at most Options.Chunk bytes.
func (d *Destination) Append(ctx context.Context, o upload.Object, offset int64, r io.Reader) error {
	at := d.uploads[o]
	if at == nil {
		return errors.New("append before the offset was asked")
	}
	for offset < o.Size {
		n := min(d.opts.Chunk, o.Size-offset)
		if err := d.patch(ctx, at, offset, n, r); err != nil {
			return err
		}
		offset += n
	}
	return nil
}

func (d *Destination) patch(ctx context.Context, at *url.URL, offset, n int64, r io.Reader) error {
	h := http.Header{}
	h.Set("Upload-Offset", strconv.FormatInt(offset, 10))
	h.Set("Content-Type", "application/offset+octet-stream")
	b := &chunk{r: r, left: n}
	resp, err := d.do(ctx, http.MethodPatch, at, h, b)
	b.Close() // and with it the transport's last read has ended
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusOK {
		return refusal(resp)
	}
	stands, err := number(resp, "Upload-Offset")
	if err != nil {
		return err
	}
	if stands != offset+n {
		return fmt.Errorf("sent up to byte %d, the server has %d", offset+n, stands)
	}
	return nil
}

// Commit asks for the receipt, again and again while the receiver says that it is still reading.
func (d *Destination) Commit(ctx context.Context, o upload.Object) (upload.Receipt, error) {
	at := d.uploads[o]
	if at == nil {
		return upload.Receipt{}, errors.New("commit before the offset was asked")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d.opts.Receipt, fmt.Errorf("no receipt within %v of the last byte", d.opts.Receipt))
	defer cancel()
	for {
		receipt, again, err := d.receipt(ctx, at.JoinPath("receipt"))
		if !again {
			return receipt, err
		}
		t := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
			t.Stop()
			return receipt, context.Cause(ctx)
		case <-t.C:
		}
	}
}

// receipt asks once; again means that there is none yet.
func (d *Destination) receipt(ctx context.Context, at *url.URL) (r upload.Receipt, again bool, err error) {
	resp, err := d.do(ctx, http.MethodGet, at, nil, nil)
	if err != nil {
		return r, false, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusAccepted:
		return r, true, nil
	case http.StatusOK, http.StatusUnprocessableEntity:
	default:
		return r, false, refusal(resp)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&r); err != nil {
		return upload.Receipt{}, false, fmt.Errorf("reading the receipt: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return r, false, fmt.Errorf("%w: the receiver found SHA-256 %s where %s was announced, and set it aside; run the same command again to send it anew", upload.ErrIntegrity, printable(r.SHA256), printable(r.Announced))
	}
	return r, false, nil
}

func number(resp *http.Response, header string) (int64, error) {
	n, err := strconv.ParseInt(resp.Header.Get(header), 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("the server's %s is %q", header, printable(resp.Header.Get(header)))
	}
	return n, nil
}
