package eventlog

import (
	"flag"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// record is fields, and strings by their number from 1.
type record map[string]string

func (r record) Value(name string) ([]byte, bool) {
	v, ok := r[name]
	return []byte(v), ok
}

const (
	security = "Microsoft-Windows-Security-Auditing"
	services = "Service Control Manager"
)

func said(t *testing.T, provider string, id uint64, r record) string {
	t.Helper()
	b, ok := Of([]byte(provider)).AppendMessage(nil, id, r)
	if !ok {
		t.Fatalf("%s %d has no message", provider, id)
	}
	return string(b)
}

func TestAppendMessage(t *testing.T) {
	for _, tt := range []struct {
		provider string
		id       uint64
		r        record
		want     string
	}{
		{security, 4625, record{
			"TargetUserName": "ann", "TargetDomainName": "X", "LogonType": "3", "Status": "0xc000006d", "SubStatus": "0xC000006A",
			"FailureReason": "%%2313", "IpAddress": "10.1.2.3", "WorkstationName": "-",
		}, `Logon failed for X\ann, network, from 10.1.2.3, Unknown user name or bad password (wrong password), status bad user name or password`},
		{security, 4625, record{
			"TargetUserName": "ann", "TargetDomainName": "X", "LogonType": "99", "Status": "0xc0000fff", "SubStatus": "0x0", "FailureReason": "%%9999",
		}, `Logon failed for X\ann, 99, %%9999, status 0xc0000fff`},
		{security, 4634, record{"TargetUserName": "ann"}, `Logoff of %TargetDomainName\ann`},
		{security, 4634, record{"TargetUserName": "", "TargetDomainName": "-"}, `Logoff of -\-`},
		{services, 7000, record{"param1": "Spooler", "param2": "%%1069"}, "Service Spooler did not start: service did not start: logon failure"},
		{services, 7000, record{"param1": "a\r\n\tb", "param2": "%%77777"}, "Service a b did not start: %%77777"},
		{"EventLog", 6008, record{"1": "22:01:01", "2": "1/2/2020"}, "The shutdown before was unexpected, at 22:01:01 1/2/2020"},
		{"EventLog", 6009, record{"1": "10.00."}, "Windows 10.00. %2 booted"},
	} {
		if got := said(t, tt.provider, tt.id, tt.r); got != tt.want {
			t.Errorf("%s %d of %v:\n got %q\nwant %q", tt.provider, tt.id, tt.r, got, tt.want)
		}
	}
}

func TestUnknown(t *testing.T) {
	for _, tt := range []struct {
		provider string
		id       uint64
	}{{"Nobody", 1}, {"", 0}, {security, 1}} {
		if b, ok := Of([]byte(tt.provider)).AppendMessage([]byte("x"), tt.id, record{}); ok || string(b) != "x" {
			t.Errorf("%s %d: got %q, %v, want nothing", tt.provider, tt.id, b, ok)
		}
	}
}

// TestMessagesInventNothing gives each message a record without any field, and one whose every field is a mark: what the
// message says beyond its own text is a missing insertion's name, and a mark.
func TestMessagesInventNothing(t *testing.T) {
	n := 0
	for name, p := range providers() {
		for id, m := range p.messages {
			n++
			var bare, marked strings.Builder
			full := record{}
			for i, c := range m {
				fields := false
				for _, piece := range c {
					fields = fields || piece.fields != nil
				}
				for _, piece := range c {
					if piece.fields == nil {
						marked.WriteString(piece.text)
					} else {
						full[piece.fields[0]] = "<" + piece.fields[0] + ">"
						marked.WriteString("<" + piece.fields[0] + ">")
					}
					switch {
					case i > 0 && fields:
					case piece.fields == nil:
						bare.WriteString(piece.text)
					default:
						bare.WriteString("%" + piece.fields[0])
					}
				}
			}
			if got := said(t, name, id, record{}); got != bare.String() {
				t.Errorf("%s %d of an empty record: got %q, want %q", name, id, got, bare.String())
			}
			if got := said(t, name, id, full); got != marked.String() {
				t.Errorf("%s %d: got %q, want %q", name, id, got, marked.String())
			}
		}
	}
	if n < 200 {
		t.Errorf("%d messages", n)
	}
}

var update = flag.Bool("update", false, "pack the tables anew")

// TestPacked holds that what the program has is what stands in the tables.
func TestPacked(t *testing.T) {
	if *update {
		pack := exec.CommandContext(t.Context(), "bzip2", "-9")
		pack.Stdin = strings.NewReader(table(t, "words.tsv") + "\x00" + table(t, "messages.tsv"))
		out, err := pack.Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("tables.bz2", out, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	words, messages := texts()
	if words != table(t, "words.tsv") || messages != table(t, "messages.tsv") {
		t.Error("the tables were changed and not packed: go test -run TestPacked -update")
	}
}

func table(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestTables reads what the tables are written like: a line that is wrong would only be missing.
func TestTables(t *testing.T) {
	seen := map[string]int{}
	var names string
	for i, line := range strings.Split(strings.TrimSuffix(table(t, "messages.tsv"), "\n"), "\n") {
		if head, ok := strings.CutPrefix(line, "="); ok {
			names = head
			continue
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		ids, text, ok := strings.Cut(line, "\t")
		if !ok || text == "" || strings.Contains(text, "\t") || strings.Count(text, "{") != strings.Count(text, "}") || strings.TrimSpace(text) != text {
			t.Errorf("messages.tsv:%d: %q", i+1, line)
		}
		if ids == "%%" {
			if kinds()[text] == nil {
				t.Errorf("messages.tsv:%d: kind %q", i+1, text)
			}
			continue
		}
		if strings.Trim(ids, "0123456789,-") != "" || len(numbers(ids)) < strings.Count(ids, ",")+strings.Count(ids, "-")+1 {
			t.Errorf("messages.tsv:%d: events %q", i+1, ids)
		}
		for _, id := range numbers(ids) {
			for name := range strings.SplitSeq(names, "\t") {
				key := name + "/" + strconv.FormatUint(id, 10)
				if before := seen[key]; before != 0 {
					t.Errorf("messages.tsv:%d: %s stands in line %d too", i+1, key, before)
				}
				seen[key] = i + 1
			}
		}
		for field := range strings.SplitSeq(text, "{") {
			if name, kind, ok := strings.Cut(field, ":"); ok && strings.Contains(kind, "}") && !strings.ContainsAny(name, "}| ") {
				if kind, _, _ = strings.Cut(kind, "}"); kinds()[kind] == nil {
					t.Errorf("messages.tsv:%d: kind %q", i+1, kind)
				}
			}
		}
	}
	var kind *Kind
	for i, line := range strings.Split(strings.TrimSuffix(table(t, "words.tsv"), "\n"), "\n") {
		if strings.HasPrefix(line, "=") {
			head, source, ok := strings.Cut(line[1:], "\t")
			name := strings.TrimRight(strings.Fields(head)[0], "+")
			name, _, _ = strings.Cut(name, ":")
			if kind = kinds()[name]; kind == nil || !ok || source == "" {
				t.Errorf("words.tsv:%d: %q has no source", i+1, line)
			}
			continue
		}
		numbers, words, ok := strings.Cut(line, "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		first := strings.FieldsFunc(numbers, func(r rune) bool { return strings.ContainsRune("-,/", r) })[0]
		n, err := strconv.ParseUint(first, 0, 64)
		if !ok || err != nil || kind.words[n] == "" && words != "" || strings.TrimFunc(words, unicode.IsSpace) != words {
			t.Errorf("words.tsv:%d: %q", i+1, line)
		}
	}
}
