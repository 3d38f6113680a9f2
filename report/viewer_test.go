package report

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"
)

// opened reads a viewer's column of numbers back.
func (v *viewer) opened(t *testing.T, id string) *bytes.Reader {
	t.Helper()
	for _, p := range v.pieces {
		if p.ID != id {
			continue
		}
		z, err := zlib.NewReader(bytes.NewReader(p.data))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil || len(b) != p.Size {
			t.Fatalf("%s has %d bytes, says %d: %v", id, len(b), p.Size, err)
		}
		return bytes.NewReader(b)
	}
	t.Fatalf("no piece %s", id)
	return nil
}

// TestBound keeps the newest events where there are too many, and those that a finding is about.
func TestBound(t *testing.T) {
	for _, tt := range []struct {
		most                 int64
		count, records, left int
	}{{30_000, 3_661, 381, 0}, {1_000, 1_000, 381, 2_661}, {2, 3, 3, 3_658}, {0, 1, 1, 3_660}} {
		hosts := loaded(t, made(t, ""))
		v, err := newViewer(t.Context(), hosts, tt.most)
		if err != nil {
			t.Fatal(err)
		}
		of, seconds := v.opened(t, "kinds"), v.opened(t, "seconds")
		records, last, newest := 0, int64(0), int64(0)
		for range v.count {
			k, err1 := binary.ReadUvarint(of)
			d, err2 := binary.ReadVarint(seconds)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			last += d
			newest = max(newest, last)
			if v.kinds[k].Type != "fs:stat" {
				records++
			}
		}
		if v.count != tt.count || records != tt.records || v.left != int64(tt.left) {
			t.Errorf("most %d: %d events, %d of them records, %d left out; want %d, %d, %d", tt.most, v.count, records, v.left, tt.count, tt.records, tt.left)
		}
		if want := began.AddDate(4, 0, 0).Unix(); tt.most > 0 && newest != want {
			t.Errorf("most %d: the newest is of %d, want %d", tt.most, newest, want)
		}
		root := slices.IndexFunc(hosts[0].Findings, func(f findingRecord) bool { return f.Rule == "ssh-root-password" })
		if _, tied := v.first[&hosts[0].Findings[root]]; !tied {
			t.Errorf("most %d: the event of a finding is left out", tt.most)
		}
	}
}

// TestEventRead reads what AppendJSON writes in one go, and other JSON the slow way.
func TestEventRead(t *testing.T) {
	usual := `{"message":"a \"b\" \u00fe","datetime":"2026-01-01T00:00:00+00:00","timestamp":-5,"timestamp_desc":"d","data_type":"t","parser":"p","host":"h","path":"/x","offset":7,"sha256":"","recovered":true,"x":1}`
	want := event{Message: `a "b" þ`, Micros: -5, Desc: "d", Type: "t", Parser: "p", Host: "h", Path: "/x", Offset: 7, Recovered: true}
	swapped := `{"data_type":"t","message":"a \"b\" \u00fe","timestamp":-5,"timestamp_desc":"d","parser":"p","host":"h","path":"/x","offset":7,"recovered":true}`
	for _, line := range []string{usual, swapped} {
		var got event
		if !got.read([]byte(line)) || got != want {
			t.Errorf("%s\ngives %+v", line, got)
		}
	}
	var e event
	if !e.fast([]byte(usual)) || e.fast([]byte(swapped)) {
		t.Error("the fast way takes what it should not, or not what it should")
	}
	for _, line := range []string{"", "{", "[]", `{"message":"`, `{"message":"a","datetime":"","timestamp":x,`, strings.Repeat("{", 9)} {
		if e.read([]byte(line)) {
			t.Errorf("%q is an event", line)
		}
	}
}
