package listing

import (
	"strings"
	"testing"

	"spor/timeline"
)

const listed = `{"path":"/tmp/a%FF","kind":"file","size":4096,"times":{"modified":"2026-11-21T20:27:49.166247146Z","accessed":"2026-11-21T20:27:50Z","changed":"2026-11-21T20:27:51Z","born":"2026-11-21T20:27:48Z"},"mode":"-rwxr-x---","uid":"0","gid":"12","inode":9978434,"device":65024,"links":3}
{"path":"C:\\Users\\anna\\þ.exe","kind":"file","size":1,"times":{"modified":"2026-11-21T20:27:49Z","born":"2026-11-20T00:00:00Z"},"attributes":32}
not a record
{"path":"/tmp/su","kind":"file","size":0,"times":{"modified":"2026-11-21T20:27:49+01:00"},"mode":"utrwsr-xr-x"}
{"path":"/tmp/l","kind":"link","size":0,"link":"/etc","mode":"Lrwxrwxrwx"}
`

const sampled = `{"zip":"samples/CASE-h-MALWARE.zip","path":"/home/anna/invoice.exe","times":{"modified":"2026-11-21T20:27:49Z","born":"2026-11-21T20:27:48Z"},"uid":"1000","gid":"1000","mode":493,"method":"noatime","name":"0001.exe","size":77,"sha256":"aa"}
`

func TestParse(t *testing.T) {
	formats := timeline.Formats{Format, Samples}
	for _, tt := range []struct {
		name, text, format string
		want               []string
		errs               int
	}{
		{"live/listing.jsonl", listed, "listing", []string{
			`"message":"/tmp/a%FF Type: file","datetime":"2026-11-21T20:27:49.166247+00:00","timestamp":1795292869166247`,
			`"timestamp_desc":"Last Access Time"`, `"timestamp_desc":"Metadata Modification Time"`,
			`"timestamp_desc":"Creation Time","data_type":"fs:stat"`,
			`"filename":"C:\\Users\\anna\\þ.exe","file_entry_type":"file","file_size":1,"file_attribute_flags":32`,
			`"datetime":"2026-11-20T00:00:00.000000+00:00"`,
			`"datetime":"2026-11-21T19:27:49.000000+00:00"`,
			`"timestamp_desc":"Not a time"`,
		}, 1},
		{"live/sample.jsonl", sampled, "samples", []string{
			`"message":"/home/anna/invoice.exe Type: file, taken as a sample"`,
			`"filename":"/home/anna/invoice.exe","file_entry_type":"file","file_size":77,"mode":493,"owner_identifier":"1000","group_identifier":"1000","sample_sha256":"aa","sample_archive":"samples/CASE-h-MALWARE.zip"`,
		}, 0},
	} {
		f := formats.Find(tt.name, []byte(tt.text))
		if f == nil || f.Name != tt.format {
			t.Fatalf("%s: known as %v, want %s", tt.name, f, tt.format)
		}
		n, errs := 0, 0
		for e, err := range f.Parse(timeline.Input{R: strings.NewReader(tt.text)}) {
			if err != nil {
				errs++
				continue
			}
			if got := string(e.AppendJSON(nil)); n < len(tt.want) && !strings.Contains(got, tt.want[n]) {
				t.Errorf("%s, event %d:\ngot  %s\nwant %s", tt.name, n, got, tt.want[n])
			}
			n++
		}
		if n != len(tt.want) || errs != tt.errs {
			t.Errorf("%s: %d events and %d errors, want %d and %d", tt.name, n, errs, len(tt.want), tt.errs)
		}
	}
}

func TestModeBits(t *testing.T) {
	for s, want := range map[string]int64{"-rwxr-x---": 0o750, "ugtrwxrwxrwx": 0o7777, "urwxr-xr-x": 0o4755, "Lrwxrwxrwx": 0o777, "dtrwxrwxrwx": 0o1777, "493": 0o755} {
		if got, ok := modeBits(s); got != want || !ok {
			t.Errorf("%s: %o, want %o", s, got, want)
		}
	}
	if _, ok := modeBits(""); ok {
		t.Error("nothing is a mode")
	}
}

func TestSniff(t *testing.T) {
	for name, text := range map[string]string{
		"live/processes.jsonl": `{"pid":1,"name":"systemd"}`, "x.jsonl": `{"path":"/a","target":"/b"}`, "x.log": listed, "y.jsonl": "",
	} {
		if Format.Sniff(name, []byte(text)) || Samples.Sniff(name, []byte(text)) {
			t.Errorf("%s is taken for a listing", name)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	line, _, _ := strings.Cut(listed, "\n")
	text := strings.Repeat(line+"\n", 20_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		for _, err := range Format.Parse(timeline.Input{R: strings.NewReader(text)}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(listed)
	f.Add(sampled)
	f.Fuzz(func(t *testing.T, text string) {
		last := int64(-1)
		for e, err := range Format.Parse(timeline.Input{R: strings.NewReader(text)}) {
			if err == nil && (e.Message == "" || e.Offset < last || e.Offset > int64(len(text))) {
				t.Fatalf("event at %d after %d: %+v", e.Offset, last, e)
			}
			last = max(last, e.Offset)
		}
	})
}
