package screens

import (
	"bytes"
	"image/png"
	"reflect"
	"testing"
	"time"
)

// What we write is read by another's reader, pixel for pixel.
func TestCanvas(t *testing.T) {
	for _, tt := range []struct {
		name          string
		width, height int
		pixel         func(x, y int) [3]byte // red, green, blue
		look          string
	}{
		{"a picture", 301, 97, func(x, y int) [3]byte { return [3]byte{byte(x), byte(y), byte(x * y)} }, ""},
		{"one pixel", 1, 1, func(int, int) [3]byte { return [3]byte{200, 0, 0} }, "one color"},
		{"black", 64, 65, func(int, int) [3]byte { return [3]byte{} }, "black"},
		{"nearly black", 64, 65, func(x, _ int) [3]byte { return [3]byte{byte(x % 9)} }, "black"},
		{"blue", 10, 10, func(int, int) [3]byte { return [3]byte{0, 120, 215} }, "one color"},
		{"black but for one", 10, 10, func(x, y int) [3]byte { return [3]byte{byte(x * y)} }, ""},
	} {
		var b bytes.Buffer
		c := newCanvas(&b, tt.width, tt.height)
		for y := range tt.height {
			var row []byte
			for x := range tt.width {
				p := tt.pixel(x, y)
				row = append(row, p[2], p[1], p[0], byte(y)) // the last means nothing
			}
			c.add(row)
		}
		if look, err := c.end(); err != nil || look != tt.look {
			t.Errorf("%s: looks %q, %v; want %q", tt.name, look, err, tt.look)
		}
		m, err := png.Decode(&b)
		if err != nil || m.Bounds().Dx() != tt.width || m.Bounds().Dy() != tt.height {
			t.Fatalf("%s: %v, %v", tt.name, m, err)
		}
		for y := range tt.height {
			for x := range tt.width {
				red, green, blue, _ := m.At(x, y).RGBA()
				if got, want := [3]byte{byte(red), byte(green), byte(blue)}, tt.pixel(x, y); got != want {
					t.Fatalf("%s at %d, %d: got %v, want %v", tt.name, x, y, got, want)
				}
			}
		}
	}
}

func TestWire(t *testing.T) {
	want := Shot{Taken: time.Date(2026, 11, 21, 1, 2, 3, 0, time.UTC), Desktop: "Default", Width: 3, Height: 2, Windows: []Window{{Title: "Þórður", PID: 7}}}
	var b bytes.Buffer
	if err := send(&b, want, []byte("picture")); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	got, picture, err := receive(bytes.NewReader(whole))
	if err != nil || !reflect.DeepEqual(got, want) || string(picture) != "picture" {
		t.Errorf("got %+v, %q, %v", got, picture, err)
	}
	for n := range whole {
		if _, _, err := receive(bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("the first %d of %d bytes are enough", n, len(whole))
		}
	}
}

// Whatever the other side sends, at most what it is allowed is kept, and memory is had for what there is alone.
func FuzzReceive(f *testing.F) {
	var b bytes.Buffer
	if err := send(&b, Shot{Width: 1}, []byte("x")); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{2, 0, 0, 0, '{', '}', 0, 0, 0, 8})
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, picture, err := receive(bytes.NewReader(in)); err == nil && len(picture) > len(in) {
			t.Errorf("%d bytes became a picture of %d", len(in), len(picture))
		}
	})
}

func TestUnseen(t *testing.T) {
	yes, no := true, false
	for _, tt := range []struct {
		s    Screen
		want bool
	}{
		{Screen{State: "active", Locked: &no, Shot: Shot{Desktop: "Default"}}, false},
		{Screen{}, false},
		{Screen{Locked: &yes}, true},
		{Screen{State: "disconnected"}, true},
		{Screen{Shot: Shot{Desktop: "Winlogon"}}, true},
		{Screen{Shot: Shot{Look: "black"}}, true},
		{Screen{Shot: Shot{Look: "one color"}}, true},
	} {
		if why := tt.s.unseen(); (why != "") != tt.want {
			t.Errorf("%+v: %q", tt.s, why)
		}
	}
}
