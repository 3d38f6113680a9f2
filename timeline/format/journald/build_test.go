package journald

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// layout is a kind of journal file.
type layout struct {
	keyed, compact bool
	pack           byte // how data of packLeast and more are compressed
}

const packLeast = 300

var layouts = []layout{
	{},
	{keyed: true},
	{compact: true, keyed: true},
	{pack: packedXZ},
	{pack: packedLZ4},
	{keyed: true, pack: packedZstd},
	{compact: true, keyed: true, pack: packedZstd},
	{compact: true, keyed: true, pack: packedXZ},
}

func (l layout) String() string {
	return fmt.Sprintf("keyed %v, compact %v, packed %d", l.keyed, l.compact, l.pack)
}

// writer writes a journal as journald does, without what serves searching: hash chains and the entries of data.
type writer struct {
	layout
	t       testing.TB
	h       header
	b       []byte
	data    map[string]int64
	entries []int64
}

func newWriter(t testing.TB, l layout) *writer {
	w := &writer{layout: l, t: t, b: make([]byte, 272), data: map[string]int64{}}
	copy(w.b, magic)
	for i := range 16 {
		w.b[24+i], w.b[72+i] = byte(i), byte(i)
	}
	flags := uint32(l.pack & 3)
	if l.pack == packedZstd {
		flags |= 8
	}
	if l.keyed {
		flags |= flagKeyed
	}
	if l.compact {
		flags |= flagCompact
	}
	le.PutUint32(w.b[12:], flags)
	w.h = header{keyed: l.keyed, compact: l.compact, id: [16]byte(w.b[24:40])}
	for i, kind := range []byte{kindDataTable, kindFieldTable} {
		const size = 16 * 16
		at := w.object(kind, 0, make([]byte, size))
		le.PutUint64(w.b[104+16*i:], uint64(at+objectHead))
		le.PutUint64(w.b[112+16*i:], size)
	}
	return w
}

// object appends one and says where it is.
func (w *writer) object(kind, flags byte, rest []byte) int64 {
	at := len(w.b)
	w.b = append(w.b, kind, flags, 0, 0, 0, 0, 0, 0)
	w.b = le.AppendUint64(w.b, uint64(objectHead+len(rest)))
	w.b = append(w.b, rest...)
	w.b = append(w.b, make([]byte, -len(w.b)&7)...)
	le.PutUint64(w.b[136:], uint64(at))
	le.PutUint64(w.b[144:], le.Uint64(w.b[144:])+1)
	return int64(at)
}

// datum gives the offset of a data object, and appends it if it is new.
func (w *writer) datum(s string) int64 {
	at, ok := w.data[s]
	if !ok {
		rest := le.AppendUint64(nil, w.h.hash([]byte(s)))
		rest = append(rest, make([]byte, w.h.dataHead()-objectHead-8)...)
		payload, flags := []byte(s), byte(0)
		if w.pack != 0 && len(s) >= packLeast {
			payload, flags = pack(w.t, w.pack, payload), w.pack
		}
		at = w.object(kindData, flags, append(rest, payload...))
		w.data[s] = at
		le.PutUint64(w.b[208:], le.Uint64(w.b[208:])+1)
	}
	le.PutUint64(w.b[at+56:], le.Uint64(w.b[at+56:])+1)
	return at
}

// entry appends one at a time in µs.
func (w *writer) entry(at uint64, fields ...string) {
	n := uint64(len(w.entries) + 1)
	rest := le.AppendUint64(nil, n)
	rest = le.AppendUint64(rest, at)
	rest = le.AppendUint64(rest, n*1000)
	rest = append(rest, bytes.Repeat([]byte{0xb0}, 16)...)
	rest = le.AppendUint64(rest, 1)
	for _, f := range fields {
		d := w.datum(f)
		if w.compact {
			rest = le.AppendUint32(rest, uint32(d))
		} else {
			rest = append(le.AppendUint64(rest, uint64(d)), w.b[d+16:d+24]...)
		}
	}
	offset := w.object(kindEntry, 0, rest)
	w.entries = append(w.entries, offset)
	for _, f := range fields {
		if first := w.b[w.data[f]+40:]; le.Uint64(first) == 0 { // journalctl does not believe data that name no entry
			le.PutUint64(first, uint64(offset))
		}
	}
	if n == 10 {
		w.object(kindTag, 0, make([]byte, 48)) // as a sealed journal has them
	}
	for off, v := range map[int]uint64{152: n, 160: n, 168: 1, 192: at, 200: n * 1000} {
		le.PutUint64(w.b[off:], v)
	}
	if n == 1 {
		le.PutUint64(w.b[184:], at)
	}
}

// bytes ends the journal.
func (w *writer) bytes() []byte {
	rest := make([]byte, 8)
	for _, e := range w.entries {
		if w.compact {
			rest = le.AppendUint32(rest, uint32(e))
		} else {
			rest = le.AppendUint64(rest, uint64(e))
		}
	}
	le.PutUint64(w.b[176:], uint64(w.object(kindArray, 0, rest)))
	le.PutUint64(w.b[232:], 1)
	le.PutUint64(w.b[88:], 272)
	le.PutUint64(w.b[96:], uint64(len(w.b)-272))
	w.b[16] = 2
	return w.b
}

func pack(t testing.TB, how byte, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	switch how {
	case packedLZ4:
		return packLZ4(b)
	case packedXZ:
		w, err := xz.WriterConfig{CheckSum: xz.CRC32}.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(b)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	default:
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		return w.EncodeAll(b, nil)
	}
	return out.Bytes()
}

// packLZ4 finds runs of one byte and nothing else.
func packLZ4(b []byte) []byte {
	length := func(out []byte, n int) []byte {
		for n -= 15; n >= 255; n -= 255 {
			out = append(out, 255)
		}
		return append(out, byte(n))
	}
	sequence := func(out, literals []byte, match int) []byte {
		token := byte(min(len(literals), 15) << 4)
		if match > 0 {
			token |= byte(min(match-4, 15))
		}
		if out = append(out, token); len(literals) >= 15 {
			out = length(out, len(literals))
		}
		if out = append(out, literals...); match > 0 {
			if out = append(out, 1, 0); match-4 >= 15 {
				out = length(out, match-4)
			}
		}
		return out
	}
	out := le.AppendUint64(nil, uint64(len(b)))
	start := 0
	for at := 1; at < len(b)-12; at++ {
		n := 0
		for at+n < len(b)-5 && b[at+n] == b[at-1] {
			n++
		}
		if n >= 8 {
			out = sequence(out, b[start:at], n)
			at += n
			start = at
		}
	}
	return sequence(out, b[start:], 0)
}

// began is when the journals of the tests begin, in µs.
const began uint64 = 1_780_000_000_000_000

// journalOf makes a journal of n entries as a server has them.
func journalOf(t testing.TB, l layout, n int) []byte {
	w := newWriter(t, l)
	long := "java.lang.IllegalStateException: " + strings.Repeat("at example.Class.method(Class.java:77)\n", 20) + strings.Repeat("-", 700)
	for i := range n {
		program, body := "sshd", fmt.Sprintf("Failed password for invalid user admin from 192.0.2.%d port %d ssh2", i%250+1, 1024+i%60000)
		switch i % 6 {
		case 1:
			program, body = "CRON", "(root) CMD (run-parts /etc/cron.hourly)"
		case 2:
			program, body = "systemd", fmt.Sprintf("Started Session %d of User alice.", i)
		case 3:
			program, body = "kernel", fmt.Sprintf("[UFW BLOCK] IN=ens2 OUT= SRC=192.0.2.%d DST=10.73.140.49 LEN=44 PROTO=TCP SPT=%d DPT=80", i%250+1, i%60000)
		case 4:
			program, body = "app", fmt.Sprintf("request %d took %d ms", i, i%777)
		case 5:
			if i%60 == 5 {
				program, body = "java", long+fmt.Sprint(i)
			}
		}
		at := began + uint64(i)*250_000
		w.entry(
			at, "_TRANSPORT=syslog", fmt.Sprintf("PRIORITY=%d", 3+i%4), "SYSLOG_FACILITY=4", "SYSLOG_IDENTIFIER="+program, fmt.Sprintf("_PID=%d", 1000+i/8),
			"_UID=0", "_GID=0", "_COMM="+program, "_EXE=/usr/sbin/"+program, "_CMDLINE=/usr/sbin/"+program+" -D", "_CAP_EFFECTIVE=1ffffffffff",
			"_SYSTEMD_CGROUP=/system.slice/"+program+".service", "_SYSTEMD_UNIT="+program+".service", "_SYSTEMD_SLICE=system.slice",
			fmt.Sprintf("_SYSTEMD_INVOCATION_ID=%032x", i/500), "_MACHINE_ID=cd556c1d43967492d003081b6a2583cc", "_HOSTNAME=web01",
			fmt.Sprintf("_SOURCE_REALTIME_TIMESTAMP=%d", at-uint64(i%90)), "_BOOT_ID=b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0", "MESSAGE="+body,
		)
	}
	return w.bytes()
}
