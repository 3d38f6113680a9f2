package receive

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

const (
	basePath    = "/files/"
	receiptWait = 20 * time.Second // how long a request for a receipt waits for one that is coming
)

// Handler answers
//
//	POST  /files/              creates an upload, or finds it: name, size and SHA-256 within the token's case make its id
//	HEAD  /files/<id>          says how far it is
//	PATCH /files/<id>          goes on with it
//	GET   /files/<id>/receipt  200 with the receipt; 202 not read again yet; 409 not whole; 422 with a receipt for other content
//
// for requests with a token that is valid. There is no other method, and an id of another case is one that is not.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	post := s.tus.Middleware(http.HandlerFunc(s.tus.PostFile))
	mux.Handle("POST "+basePath+"{$}", withoutBody(post))
	files := func(h http.HandlerFunc) http.Handler { return http.StripPrefix(basePath, s.tus.Middleware(h)) }
	mux.Handle("HEAD "+basePath+"{id}", files(s.tus.HeadFile))
	mux.Handle("PATCH "+basePath+"{id}", s.limited(files(s.tus.PatchFile)))
	mux.HandleFunc("GET "+basePath+"{id}/receipt", s.receipt)
	return s.authorized(mux)
}

type tokenKey struct{}

// tokenOf is the token a request came with; without one no request comes this far.
func tokenOf(ctx context.Context) Token {
	t, _ := ctx.Value(tokenKey{}).(Token)
	return t
}

func (s *Server) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			bearer = ""
		}
		token, err := s.tokens.check(bearer)
		if err != nil {
			s.quiet.log(s.opts.Log, "refused", slog.String("remote", r.RemoteAddr), slog.Any("err", err))
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.Header().Set("Connection", "close") // with whatever body it has
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		r.Header.Del("X-HTTP-Method-Override")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, token)))
	})
}

// withoutBody keeps bytes out of the creation: they come by PATCH alone.
func withoutBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Content-Type")
		next.ServeHTTP(w, r)
	})
}

// limited lets so many bodies in at once.
func (s *Server) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "5")
			w.Header().Set("Connection", "close")
			http.Error(w, "too many uploads at once; try again", http.StatusServiceUnavailable)
		}
	})
}

func (s *Server) receipt(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), receiptWait)
	defer cancel()
	rec, err := s.store.wait(ctx, r.PathValue("id"), tokenOf(ctx).Case)
	status := http.StatusOK
	switch {
	case errors.Is(err, errUnknown):
		http.Error(w, "no such upload", http.StatusNotFound)
		return
	case err != nil || rec.State == reading:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "reading what was received", http.StatusAccepted)
		return
	case rec.State == coming:
		http.Error(w, "not whole", http.StatusConflict)
		return
	case rec.State == bad:
		status = http.StatusUnprocessableEntity
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(rec.Receipt) // if it does not arrive it is asked for again
}

// refusals logs one refused request a second, with the number of those that were not logged: who has no token must
// not be able to fill the log.
type refusals struct {
	last   atomic.Int64 // Unix seconds
	silent atomic.Int64
}

func (q *refusals) log(log *slog.Logger, msg string, attrs ...slog.Attr) {
	now := time.Now().Unix()
	if last := q.last.Load(); last == now || !q.last.CompareAndSwap(last, now) {
		q.silent.Add(1)
		return
	}
	if n := q.silent.Swap(0); n > 0 {
		attrs = append(attrs, slog.Int64("more_before", n))
	}
	log.LogAttrs(context.Background(), slog.LevelWarn, msg, attrs...)
}
