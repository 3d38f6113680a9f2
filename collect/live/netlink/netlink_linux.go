package netlink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrInterrupted comes with a dump that the kernel says to be inconsistent: the table changed meanwhile.
var ErrInterrupted = errors.New("the table changed while it was read")

// ErrTooLong comes with the beginning of a dump that is longer than was asked for.
var ErrTooLong = errors.New("longer than the limit")

// A Conn is a socket of one network namespace: the one that its thread was in when it was opened.
type Conn struct {
	fd  int
	seq uint32
	buf []byte
}

// Open makes a socket of a netlink protocol, such as unix.NETLINK_ROUTE.
func Open(protocol int) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	patience := unix.Timeval{Sec: 2}
	if err := errors.Join(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience), unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	return &Conn{fd: fd, buf: make([]byte, 256<<10)}, nil
}

// Close closes the socket.
func (c *Conn) Close() error { return unix.Close(c.fd) }

// Dump asks for all of a table: the message type, and what follows the header. each sees each answer, whose bytes are its
// own only until it returns; its error ends the dump. More than limit answers are ErrTooLong.
func (c *Conn) Dump(ctx context.Context, kind uint16, payload []byte, limit int, each func(Message) error) error {
	c.seq++
	question := make([]byte, header, header+len(payload))
	binary.NativeEndian.PutUint32(question, uint32(header+len(payload)))
	binary.NativeEndian.PutUint16(question[4:], kind)
	binary.NativeEndian.PutUint16(question[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	binary.NativeEndian.PutUint32(question[8:], c.seq)
	if err := unix.Sendto(c.fd, append(question, payload...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	changed := false
	for n := 0; ; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		got, from, err := unix.Recvfrom(c.fd, c.buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("netlink: %w", err)
		}
		if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
			continue // only the kernel answers us
		}
		list, done, interrupted, code, err := messages(c.buf[:got], c.seq)
		changed = changed || interrupted
		for _, m := range list {
			if n++; n > limit {
				return ErrTooLong
			}
			if err := each(m); err != nil {
				return err
			}
		}
		switch {
		case err != nil:
			return err
		case code < 0:
			return fmt.Errorf("netlink: %w", unix.Errno(-code))
		case done && changed:
			return ErrInterrupted
		case done:
			return nil
		}
	}
}
