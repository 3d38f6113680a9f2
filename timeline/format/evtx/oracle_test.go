package evtx

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"spor/timeline"
)

// node is an element of what evtxexport writes.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	Nodes   []node     `xml:",any"`
}

func (n *node) child(name string) *node {
	for i := range n.Nodes {
		if n.Nodes[i].XMLName.Local == name {
			return &n.Nodes[i]
		}
	}
	return &node{}
}

func (n *node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// TestOracle holds every live record, field by field, against libevtx's evtxexport. It takes a while: SPOR_ORACLE=1 asks for
// it, make oracle sets that.
func TestOracle(t *testing.T) {
	if os.Getenv("SPOR_ORACLE") == "" {
		t.Skip("SKIPPED: SPOR_ORACLE is not set")
	}
	tool, err := exec.LookPath("evtxexport")
	if err != nil {
		t.Fatal(err)
	}
	records, values := 0, 0
	for _, s := range corpus(t) {
		file := filepath.Join(t.TempDir(), "log.evtx")
		if err := os.WriteFile(file, s.data, 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := exec.Command(tool, "-f", "xml", file).Output() // it stops where it cannot go on; what it wrote counts
		theirs := exported(out)
		ours := map[string][]timeline.Event{}
		read(s.data, func(e *timeline.Event) {
			if !e.Recovered {
				kept := *e
				kept.Fields = slices.Clone(e.Fields)
				ours[eventKey(e)] = append(ours[eventKey(e)], kept)
			}
		})
		for i := range theirs {
			n, err := compare(&theirs[i], ours)
			if err != nil {
				t.Errorf("%s: %v", s.path, err)
			}
			values += n
		}
		records += len(theirs)
	}
	t.Logf("%d records, %d values compared", records, values)
	if records < 7000 {
		t.Errorf("%d records of evtxexport's were compared", records)
	}
}

// badText is what XML cannot hold, yet evtxexport writes.
var badText = regexp.MustCompile(`[\x00-\x08\x0b\x0c\x0e-\x1f]`)

func exported(out []byte) []node {
	var nodes []node
	for part := range bytes.SplitSeq(badText.ReplaceAll(out, nil), []byte("<Event ")) {
		i := bytes.LastIndex(part, []byte("</Event>"))
		if i < 0 {
			continue
		}
		var n node
		d := xml.NewDecoder(bytes.NewReader(append([]byte("<Event "), part[:i+8]...)))
		d.Strict = false
		if d.Decode(&n) == nil {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// eventKey is what a record is found again by.
func eventKey(e *timeline.Event) string {
	id := text(e, "event_record_identifier")
	if id == "" {
		id = text(e, "record_number")
	}
	return id + "/" + text(e, "event_identifier") + "/" + text(e, "source_name")
}

func text(e *timeline.Event, name string) string {
	f, ok := e.Get(name)
	if !ok {
		return ""
	}
	return f.String()
}

// compare looks for every value of evtxexport's in our event, and says how many it found.
func compare(n *node, ours map[string][]timeline.Event) (int, error) {
	sys := n.child("System")
	key := strings.Join([]string{sys.child("EventRecordID").Text, sys.child("EventID").Text, sys.child("Provider").attr("Name")}, "/")
	if len(ours[key]) == 0 {
		return 0, fmt.Errorf("%s: not among ours", key)
	}
	e := &ours[key][0]
	if len(ours[key]) > 1 {
		ours[key] = ours[key][1:]
	}
	want := map[string]string{
		"channel": sys.child("Channel").Text, "computer_name": sys.child("Computer").Text, "event_level": sys.child("Level").Text,
		"task": sys.child("Task").Text, "opcode": sys.child("Opcode").Text, "user_sid": sys.child("Security").attr("UserID"),
		"keywords": sys.child("Keywords").Text, "process_id": sys.child("Execution").attr("ProcessID"),
		"activity_identifier": sys.child("Correlation").attr("ActivityID"), "provider_identifier": sys.child("Provider").attr("Guid"),
	}
	count := 0
	for name, w := range want {
		if got := text(e, name); plain(got) != plain(w) {
			return count, fmt.Errorf("%s: %s is %q, evtxexport has %q", key, name, got, w)
		}
		count++
	}
	created := sys.child("TimeCreated").attr("SystemTime")
	if c := text(e, "creation_time"); c != "" {
		if !strings.HasPrefix(created, c[:19]) {
			return count, fmt.Errorf("%s: created %s, evtxexport has %s", key, c, created)
		}
	} else if !strings.HasPrefix(created, e.Time.Format("2006-01-02T15:04:05")) {
		return count, fmt.Errorf("%s: at %v, evtxexport has %s", key, e.Time, created)
	}
	have := map[string]int{}
	for _, f := range e.Fields {
		if f.Name == "strings" {
			continue
		}
		have[plain(f.String())]++
	}
	unnamed := squeeze(text(e, "strings"))
	for _, data := range n.Nodes {
		if data.XMLName.Local == "System" {
			continue
		}
		for _, w := range leaves(&data, nil) {
			if have[plain(w)] == 0 && !strings.Contains(unnamed, squeeze(w)) {
				return count, fmt.Errorf("%s: %q of evtxexport's is in none of %v", key, w, e.Fields)
			}
			count++
		}
	}
	return count, nil
}

// leaves gives all texts below an element, and attributes other than names.
func leaves(n *node, list []string) []string {
	if text := strings.TrimSpace(n.Text); text != "" && (len(n.Nodes) == 0) {
		list = append(list, text)
	}
	for i := range n.Nodes {
		list = leaves(&n.Nodes[i], list)
	}
	return list
}

var hexNumber = regexp.MustCompile(`^0x[0-9a-f]{1,16}$`)

// squeeze evens out case, white space, and fractions of a second.
func squeeze(s string) string {
	s = fraction.ReplaceAllString(badText.ReplaceAllString(s, ""), "$1")
	return strings.Join(strings.Fields(strings.ToLower(s)), " ")
}

var fraction = regexp.MustCompile(`(T\d\d:\d\d:\d\d)\.\d+`)

// plain evens out how values are written: hex numbers, times, case and white space.
func plain(s string) string {
	s = squeeze(s)
	if hexNumber.MatchString(s) {
		n, _ := strconv.ParseUint(s[2:], 16, 64)
		return strconv.FormatUint(n, 10)
	}
	if t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s)); err == nil {
		return t.Format("2006-01-02T15:04:05")
	}
	return s
}
