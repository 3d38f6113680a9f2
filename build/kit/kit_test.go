package kit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"spor/package/seal"
)

var made = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func signed(t *testing.T) (data []byte, fingerprint string) {
	t.Helper()
	signer, err := seal.NewSigner("a CERT")
	if err != nil {
		t.Fatal(err)
	}
	k := Kit{
		Case: "2026-017", Recipients: []string{"-----BEGIN PGP PUBLIC KEY BLOCK-----"}, Upload: []string{"https://desk.example.org/"}, Token: "secret",
		Contact: Contact{Name: "Þórður Ægisson", Phone: "+354 000 0000"}, Made: made, Expires: made.AddDate(0, 1, 0),
	}
	if data, err = Write(k, signer); err != nil {
		t.Fatal(err)
	}
	return data, signer.Fingerprint
}

func TestRead(t *testing.T) {
	data, fingerprint := signed(t)
	plain, err := Write(Kit{Case: "x", Made: made}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, other := signed(t)
	for _, tt := range []struct {
		name, demanded string
		data           []byte
		now            time.Time
		want           error // nil: it reads
	}{
		{"signed", "", data, made, nil},
		{"signed by whom the build demands", strings.ToLower(fingerprint), data, made, nil},
		{"signed by another", other, data, made, ErrUnsigned},
		{"not signed", "", plain, made, nil},
		{"not signed where the build demands it", fingerprint, plain, made, ErrUnsigned},
		{"expired", "", data, made.AddDate(0, 1, 1), ErrExpired},
		{"signature taken off", "", data[bytes.IndexByte(data, '{') : bytes.LastIndexByte(data, '}')+1], made, seal.ErrSignature},
		{"no kit", "", []byte("MZ"), made, ErrNotKit},
		{"of a later format", "", []byte(`{"format": 2}`), made, ErrNotKit},
		{"with a field nobody knows", "", []byte(`{"format": 1, "run": "calc.exe"}`), made, ErrNotKit},
		{"too large", "", make([]byte, maxKit+1), made, ErrNotKit},
	} {
		k, by, err := Read(tt.data, tt.demanded, tt.now)
		switch {
		case !errors.Is(err, tt.want):
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		case err == nil && (k.Case == "" || bytes.Equal(tt.data, data) != (by == fingerprint)):
			t.Errorf("%s: case %q, signed by %q", tt.name, k.Case, by)
		}
	}
}

// TestAltered changes every byte of a kit, in one of several ways, with SPOR_LONG=1 in all: it is refused every time.
func TestAltered(t *testing.T) {
	data, fingerprint := signed(t)
	for at := range data {
		flips := []byte{0x01, 0x04, 0x20, 0x80, 0x55}
		if os.Getenv("SPOR_LONG") == "" {
			flips = flips[at%len(flips):][:1]
		}
		for _, flip := range flips {
			spoilt := bytes.Clone(data)
			spoilt[at] ^= flip
			if _, _, err := Read(spoilt, fingerprint, made); err == nil {
				t.Errorf("byte %d made %q of %q in %q, and the kit is taken", at, spoilt[at], data[at], data[max(0, at-12):min(len(data), at+12)])
			}
		}
	}
}

// TestLineEnds: a kit that came by mail has the line ends of Windows, and is as good.
func TestLineEnds(t *testing.T) {
	data, fingerprint := signed(t)
	if _, by, err := Read(bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")), fingerprint, made); err != nil || by != fingerprint {
		t.Errorf("signed by %q, %v", by, err)
	}
}

// program makes what passes for a program: any other system's, or one for Windows, with a signature or without.
func program(windows bool, size int, signature []byte) []byte {
	b := bytes.Repeat([]byte{0x90}, size)
	if !windows {
		return b
	}
	copy(b, "MZ")
	binary.LittleEndian.PutUint32(b[0x3c:], 0x80)
	copy(b[0x80:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(b[0x98:], 0x20b)
	return sign(b, signature)
}

// sign puts a signature behind a program for Windows, as osslsigncode and signtool do.
func sign(b, signature []byte) []byte {
	table := b[0x98+112+32:]
	clear(table[:8])
	if signature == nil {
		return b
	}
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	binary.LittleEndian.PutUint32(table, uint32(len(b)))
	binary.LittleEndian.PutUint32(table[4:], uint32(len(signature)))
	copy(b[0x98+112+32:], table[:8])
	return append(b, signature...)
}

func TestCarry(t *testing.T) {
	for size := 0x200; size < 0x210; size++ {
		for length := range 10 {
			kit := bytes.Repeat([]byte{'k'}, length)
			for _, windows := range []bool{false, true} {
				b := program(windows, size, nil)
				tail, err := Carry(bytes.NewReader(b), int64(len(b)), kit)
				if err != nil {
					t.Fatal(err)
				}
				b = append(b, tail...)
				if len(b)%8 != 0 {
					t.Errorf("%d bytes and a kit of %d end at %d", size, length, len(b))
				}
				if windows {
					b = sign(b, []byte("a signature of sorts"))
				}
				got, err := Carried(bytes.NewReader(b), int64(len(b)))
				if err != nil || got == nil || !bytes.Equal(got, kit) {
					t.Errorf("%d bytes, windows %v: got %q, %v; want %q", size, windows, got, err, kit)
				}
			}
		}
	}
}

func TestCarriedNothing(t *testing.T) {
	signedBefore := program(true, 0x200, []byte("signature"))
	torn := append(program(false, 64, nil), "\xff\xff\xff\xff\xff\xff\xff\x7fspor.kit"...)
	outside := program(true, 0x200, []byte("signature"))
	for _, tt := range []struct {
		name string
		b    []byte
		want string // of the error; empty: none
	}{
		{"nothing", nil, ""},
		{"a few bytes", []byte("MZ"), ""},
		{"a mark alone", []byte(mark), ""},
		{"a program", program(false, 100, nil), ""},
		{"a program for Windows", program(true, 0x200, nil), ""},
		{"a signed one", signedBefore, ""},
		{"a length beyond the file", torn, "torn"},
		{"something behind the signature", append(outside, 1), "does not end it"},
		{"a header that is cut off", program(true, 0x200, nil)[:0xa0], "cut off"},
	} {
		kit, err := Carried(bytes.NewReader(tt.b), int64(len(tt.b)))
		if kit != nil || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %q, %v; want %q", tt.name, kit, err, tt.want)
		}
	}
	if _, err := Carry(bytes.NewReader(signedBefore), int64(len(signedBefore)), []byte("{}")); !errors.Is(err, ErrSigned) {
		t.Errorf("into a signed program: %v", err)
	}
}

// A program is what whoever hands it out made of it: no bytes make reading its kit fail otherwise than with an error.
func FuzzCarried(f *testing.F) {
	b := program(true, 0x200, nil)
	tail, _ := Carry(bytes.NewReader(b), int64(len(b)), []byte("{}"))
	f.Add(append(b, tail...))
	f.Add(sign(append(program(true, 0x200, nil), tail...), []byte("signature")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if kit, err := Carried(bytes.NewReader(b), int64(len(b))); err == nil && !bytes.Contains(b, kit) {
			t.Errorf("a kit that is not in the program: %q", kit)
		}
	})
}
