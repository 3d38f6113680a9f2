// Package receive is the CERT's receiving server: tus 1.0.0 (by tusd) over TLS, where a token may bring files for its
// case and ask how far they came and what was received, and may do nothing else. It sees only sealed bytes.
//
// A store is a folder:
//
//	<case>/<name>               received: synced, read again, and equal to what was announced
//	<case>/<name>.receipt.json  what the sender was told
//	<case>/<name>.part          still coming
//	<case>/<name>.bad           whole, but not what was announced (the newest of that name)
//	receive.log.jsonl           one line for each file that was received or found bad
//	.uploads/ .tokens/ .tls/    records of uploads, hashes of tokens, the server's key
//	.lock                       held by the one server that may write here
//
// A server that is killed at any moment goes on with the same store: an upload stands where its file ends, and what
// was whole but not yet read again is read again at the start.
//
// The bytes are stored by this package and not by tusd's own file store, which writes its records in place (a kill can
// leave half of one), empties the file when an upload is created again, and knows no cases.
package receive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"
	tusdlog "golang.org/x/exp/slog"
)

// Options say where and how to receive. Only Store is needed.
type Options struct {
	Store       string           // a folder; made if it is missing
	Name        string           // what receipts call the receiver; empty: "spor-desk"
	Certificate *tls.Certificate // nil: plain HTTP, only on a loopback listener (behind a proxy that has TLS, or in tests)
	Log         *slog.Logger     // nil: nothing is logged
	Limits      Limits
}

// Limits bound what those with a token, and those without, can use up.
type Limits struct {
	MaxUpload   int64         // bytes of one file; zero: no limit
	MaxCase     int64         // bytes of all files of a case, those to come included; zero: no limit
	MaxFiles    int           // files of a case; zero: 10000
	MinFree     int64         // bytes of the disk that stay free; zero: 1 GiB; negative: none
	Uploads     int           // bodies being received at once; zero: 64
	Connections int           // zero: 512
	Header      time.Duration // until the headers of a request are here, and the body of one without a token; zero: 10 seconds
	Idle        time.Duration // without a byte of a body; zero: one minute
	MinRate     int64         // bytes per second of a body, over each minute; zero: 256; negative: none
}

func (l Limits) withDefaults() Limits {
	if l.MaxFiles == 0 {
		l.MaxFiles = 10_000
	}
	if l.MinFree == 0 {
		l.MinFree = 1 << 30
	}
	if l.Uploads == 0 {
		l.Uploads = 64
	}
	if l.Connections == 0 {
		l.Connections = 512
	}
	if l.Header == 0 {
		l.Header = 10 * time.Second
	}
	if l.Idle == 0 {
		l.Idle = time.Minute
	}
	if l.MinRate == 0 {
		l.MinRate = 256
	}
	return l
}

// Server receives.
type Server struct {
	opts   Options
	store  *store
	tokens *Tokens
	tus    *handler.UnroutedHandler
	slots  chan struct{} // one for each body being received
	stop   context.CancelFunc
	close  func() error
	quiet  refusals
}

// New opens the store, takes its lock (ErrLocked if another server has it), and begins to read again what was whole
// when the last server ended. The server must be closed.
func New(opts Options) (*Server, error) {
	opts.Limits = opts.Limits.withDefaults()
	if opts.Name == "" {
		opts.Name = "spor-desk"
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	st, err := openStore(ctx, opts)
	if err != nil {
		stop()
		return nil, err
	}
	s := &Server{
		opts: opts, store: st, tokens: &Tokens{root: st.root},
		slots: make(chan struct{}, opts.Limits.Uploads), stop: stop,
	}
	s.close = sync.OnceValue(st.close)
	composer := handler.NewStoreComposer()
	composer.UseCore(st)
	composer.UseLocker(st.locks)
	s.tus, err = handler.NewUnroutedHandler(handler.Config{
		StoreComposer:                    composer,
		BasePath:                         basePath,
		MaxSize:                          opts.Limits.MaxUpload,
		DisableDownload:                  true,
		DisableTermination:               true,
		Cors:                             &handler.CorsConfig{Disable: true},
		NetworkTimeout:                   opts.Limits.Idle,
		GracefulRequestCompletionTimeout: time.Second,
		Logger:                           tusdlog.New(tusdlog.NewTextHandler(io.Discard, &tusdlog.HandlerOptions{Level: tusdlog.Level(100)})),
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close stops reading again, and releases the store. No request may be running.
func (s *Server) Close() error {
	s.stop()
	return s.close()
}

// Serve receives on ln until ctx ends, lets running requests end for up to ten seconds, and closes the server. What
// did not end in that time is cut, and can be gone on with.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	if s.opts.Certificate == nil && !isLoopback(ln.Addr()) {
		return errors.Join(fmt.Errorf("listening on %v without a certificate: only loopback addresses may do that", ln.Addr()), ln.Close(), s.Close())
	}
	srv := s.httpServer()
	ln = &limitedListener{Listener: ln, slots: make(chan struct{}, s.opts.Limits.Connections)}
	done := make(chan error, 1)
	go func() {
		if s.opts.Certificate != nil {
			done <- srv.ServeTLS(ln, "", "")
		} else {
			done <- srv.Serve(ln)
		}
	}()
	select {
	case err := <-done:
		return errors.Join(err, s.Close())
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	s.stop()
	err := srv.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	<-done
	return errors.Join(err, s.Close())
}

func (s *Server) httpServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // deadlines for each read of a body, which tusd sets, are a matter of HTTP/1 connections
	srv := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: s.opts.Limits.Header,
		ReadTimeout:       s.opts.Limits.Header, // moved on by those that have a token and send
		WriteTimeout:      s.opts.Limits.Header + receiptWait,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		Protocols:         protocols,
		ErrorLog:          slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug), // handshakes that scanners break off
	}
	if s.opts.Certificate != nil {
		srv.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*s.opts.Certificate}}
	}
	return srv
}

func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback() // a Unix socket, a pipe
}

// A limitedListener has so many connections open at most; others wait to be accepted.
type limitedListener struct {
	net.Listener
	slots chan struct{}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	l.slots <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: c, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

type limitedConn struct {
	net.Conn
	release func()
}

func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
