package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"spor/cmd/internal/cli"
	"spor/package/bundle"
	"spor/upload"
)

// Bounds of volumes that are kept in memory, in bytes. Two of them are, beside 24 MiB of events.
const (
	streamVolume    = 16 << 20
	maxStreamVolume = 32 << 20
)

// errStream is why a streamed bundle cannot go on: what was sealed can go nowhere.
var errStream = errors.New("the receiver does not take the volumes, and --stream keeps none")

// memory is the Store of a bundle that touches no disk: a volume is kept in memory until the outbox has sent it. There
// is room for two, the one being written and the one being sent: the writer waits when sending is slower.
type memory struct {
	out  *outbox
	room chan []byte
}

var _ bundle.Store = (*memory)(nil)

func newMemory(out *outbox, volumeSize int64) *memory {
	m := &memory{out: out, room: make(chan []byte, 2)}
	for range cap(m.room) {
		m.room <- make([]byte, 0, volumeSize) // pages that are not written to cost nothing
	}
	return m
}

// Create waits for room. It fails when nothing more can be sent.
func (m *memory) Create(name string) (bundle.Volume, error) {
	select {
	case <-m.out.failed:
		return nil, errStream
	default:
	}
	select {
	case b := <-m.room:
		return &held{store: m, name: name, data: b[:0]}, nil
	case <-m.out.failed:
		return nil, errStream
	}
}

// held is a volume in memory.
type held struct {
	store *memory
	name  string
	data  []byte
}

func (h *held) Write(b []byte) (int, error) {
	h.data = append(h.data, b...)
	return len(b), nil
}

// Commit hands the volume to the outbox.
func (h *held) Commit() error {
	data := h.data
	h.store.out.add(&parcel{
		Source: upload.Source{Name: h.name, Open: func() (io.ReadSeekCloser, error) {
			return struct {
				io.ReadSeeker
				io.Closer
			}{bytes.NewReader(data), io.NopCloser(nil)}, nil
		}},
		release: func() { h.store.room <- data },
	})
	return nil
}

func (h *held) Abort() error {
	h.store.room <- h.data
	return nil
}

// checkStream settles what --stream asks for, before anything is touched.
func (j *job) checkStream() error {
	o := j.opts
	if j.kit != nil && j.kit.Stream && !o.noUpload && !o.gave("stream") {
		o.stream = true
	}
	if !o.stream {
		return nil
	}
	if len(j.targets) == 0 {
		return cli.Fail(cli.Usage, "name where to with --upload URL, or leave --stream out", errors.New("--stream has nowhere to send to"))
	}
	switch {
	case o.volumeSize == bundle.DefaultVolume:
		o.volumeSize = streamVolume
	case o.volumeSize > maxStreamVolume:
		return cli.Fail(cli.Usage, "", fmt.Errorf("--volume-size: with --stream volumes are kept in memory: at most %s", cli.Bytes(maxStreamVolume)))
	}
	if o.perSource == defaultPerSource { // a source that waits for the network is not stuck
		o.perSource = streamPerSource
	}
	return nil
}
