package tus

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"spor/upload"
)

const (
	maxAnswer = 64 << 10 // bytes of a body that are read; a receipt has a few hundred
	maxHeader = 32 << 10 // bytes of all headers of an answer
)

// Pin is the SHA-256 of a certificate's public key (SubjectPublicKeyInfo, as RFC 7469 hashes it) in lower-case hex. It
// stays the same when the certificate is renewed for the same key.
func Pin(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// ParsePin reads a pin in hex (colons allowed) or base64, with or without "sha256//" before it as curl wants it.
func ParsePin(s string) (pin [sha256.Size]byte, err error) {
	text := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "sha256/"), "/")
	b, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil {
		b, err = base64.StdEncoding.DecodeString(text)
	}
	if err != nil || len(b) != len(pin) {
		return pin, fmt.Errorf("pin %q: not a SHA-256 in hex or base64", s)
	}
	return [sha256.Size]byte(b), nil
}

func newTransport(opts Options) (*http.Transport, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if opts.PinSHA256 != "" {
		pin, err := ParsePin(opts.PinSHA256)
		if err != nil {
			return nil, err
		}
		conf.InsecureSkipVerify = true // the pin is checked instead, for every connection
		conf.VerifyConnection = func(cs tls.ConnectionState) error { return checkPin(cs, pin) }
	}
	// HTTP/2 would gain nothing for one stream, and its windows cost throughput on long lines.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: min(30*time.Second, opts.Idle), KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &idleConn{Conn: c, idle: opts.Idle}, nil
		},
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    min(30*time.Second, opts.Idle),
		Protocols:              protocols,
		MaxIdleConns:           2,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
		WriteBufferSize:        64 << 10,
		DisableCompression:     true,
	}, nil
}

func checkPin(cs tls.ConnectionState, pin [sha256.Size]byte) error {
	if len(cs.PeerCertificates) == 0 {
		return fmt.Errorf("%w: it shows no certificate", upload.ErrCertificate)
	}
	if got := sha256.Sum256(cs.PeerCertificates[0].RawSubjectPublicKeyInfo); got != pin {
		return fmt.Errorf("%w: its key has SHA-256 %x, the pin is %x; either the receiver has a new key (ask the CERT for a new kit) or someone sits in between; nothing was sent",
			upload.ErrCertificate, got, pin)
	}
	return nil
}

// An idleConn breaks when nothing was read or written for a while. A write counts for the read that waits, since no
// answer comes before the last byte is sent.
type idleConn struct {
	net.Conn
	idle    time.Duration
	stalled atomic.Bool
}

func (c *idleConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, c.explain(err)
	}
	n, err := c.Conn.Read(p)
	return n, c.explain(err)
}

func (c *idleConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, c.explain(err)
	}
	n, err := c.Conn.Write(p)
	if err == nil {
		err = c.SetReadDeadline(time.Now().Add(c.idle))
	}
	return n, c.explain(err)
}

// explain gives both directions the same reason, whichever meets it first.
func (c *idleConn) explain(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.stalled.Store(true)
	}
	if err != nil && c.stalled.Load() {
		return fmt.Errorf("nothing moved on the connection for %v: %w", c.idle, os.ErrDeadlineExceeded)
	}
	return err
}

// A chunk is the body of one request. Once closed, it reads no more, and no read is under way.
type chunk struct {
	mu     sync.Mutex
	r      io.Reader
	left   int64
	closed bool
}

func (c *chunk) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return 0, errors.New("request has ended")
	case c.left == 0:
		return 0, io.EOF
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == io.EOF && c.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (c *chunk) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return nil
}

// do sends one request. What it returns as an error is no answer of the server.
func (d *Destination) do(ctx context.Context, method string, at *url.URL, h http.Header, body *chunk) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, at.String(), nil)
	if err != nil {
		return nil, err
	}
	if h != nil {
		req.Header = h
	}
	if body != nil {
		req.Body, req.ContentLength = body, body.left
	}
	req.Header.Set("Tus-Resumable", protocol)
	req.Header.Set("Authorization", "Bearer "+d.opts.Token)
	req.Header.Set("User-Agent", "spor")
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, explain(err)
	}
	return resp, nil
}

// explain finds out whether TLS trust is what failed, and says what to do about it.
func explain(err error) error {
	var url *url.Error
	if errors.As(err, &url) {
		err = url.Err // method and URL add nothing for who gave the URL
	}
	var verify *tls.CertificateVerificationError
	var expired x509.CertificateInvalidError
	switch {
	case errors.Is(err, upload.ErrCertificate):
	case errors.As(err, &expired) && expired.Reason == x509.Expired:
		return fmt.Errorf("%w: %w; check this machine's clock first", upload.ErrCertificate, err)
	case errors.As(err, &verify):
		return fmt.Errorf("%w: %w; a receiver with a certificate of its own needs its pin", upload.ErrCertificate, err)
	}
	return err
}

// refusal turns an answer that is not the one hoped for into an error, with what the server says about it.
func refusal(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 512)) // what came is enough to quote
	said := fmt.Sprintf("status %d %s", resp.StatusCode, printable(strings.TrimSpace(string(body))))
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Errorf("%w: %s; ask the CERT for a new token or kit", upload.ErrUnauthorized, said)
	case code == http.StatusRequestEntityTooLarge, code == http.StatusInsufficientStorage:
		return fmt.Errorf("%w: %s; ask the CERT to make room, the file is kept here", upload.ErrQuota, said)
	case code == http.StatusConflict && resp.Request.Method == http.MethodPost:
		return fmt.Errorf("%w: %s; nothing was overwritten", upload.ErrConflict, said)
	case code == http.StatusProxyAuthRequired:
		return fmt.Errorf("%w: the proxy wants a name and password (%s)", upload.ErrRefused, said)
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code == http.StatusLocked, code == http.StatusGone:
		return errors.New("the server answers " + said)
	case (code == http.StatusNotFound || code == http.StatusConflict || code == http.StatusBadRequest) && resp.Request.Method != http.MethodPost:
		return errors.New("the server answers " + said) // it was restarted, or stands elsewhere: asking for the offset again tells
	default:
		return fmt.Errorf("%w: %s; check the URL", upload.ErrRefused, said)
	}
}

// printable keeps a server from writing to the terminal.
func printable(s string) string {
	b := []byte(s[:min(len(s), 200)])
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}
