package hive

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestHivexml holds every key, time and value of real hives against what hivexml (libhivex) writes of them; of the dirty
// ones it gets what was recovered with their logs.
func TestHivexml(t *testing.T) {
	if _, err := exec.LookPath("hivexml"); err != nil {
		t.Skipf("SKIPPED: hivexml of Debian's libhivex-bin is not installed: %v", err)
	}
	dir := corpusDir(t)
	for _, name := range []string{
		"registry/mkorman90-regipy/NTUSER.DAT.gz", "registry/mkorman90-regipy/UsrClass.dat.gz", "registry/log2timeline-plaso/winreg/win10-Amcache.hve.gz",
		"registry/EricZimmerman-Registry/SECURITY.gz", "registry/mkorman90-regipy/SYSTEM_B.gz",
	} {
		if strings.HasSuffix(name, "SYSTEM_B.gz") && os.Getenv("SPOR_LONG") == "" {
			t.Log("NOT COMPARED key by key without SPOR_LONG: " + name)
			continue
		}
		b := gunzip(t, filepath.Join(dir, name))
		var logs []io.ReaderAt
		for _, n := range []string{".LOG1.gz", ".LOG2.gz"} {
			if log := filepath.Join(dir, strings.TrimSuffix(name, ".gz")+n); exists(log) {
				logs = append(logs, bytes.NewReader(gunzip(t, log)))
			}
		}
		h, err := Open(bytes.NewReader(b), int64(len(b)), logs...)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "hive")
		if err := os.WriteFile(file, h.flat(t, b), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("hivexml", file).Output()
		if err != nil {
			t.Fatalf("hivexml %s: %v", name, err)
		}
		ours, theirs := seenByUs(h), seenByHivex(t, out)
		if len(ours) < 200 {
			t.Errorf("%s: %d lines", name, len(ours))
		}
		wrong := 0
		for line, n := range theirs {
			if ours[line] != n && !strings.HasPrefix(line, "!") {
				if wrong++; wrong < 10 {
					t.Errorf("%s: hivexml has %d of %.200q, we %d", name, n, line, ours[line])
				}
			}
		}
		for line, n := range ours {
			if theirs[line] != n {
				if wrong++; wrong < 10 {
					t.Errorf("%s: we have %d of %.200q, hivexml %d", name, n, line, theirs[line])
				}
			}
		}
		t.Logf("%s: %d lines, %d other", name, len(ours), wrong)
	}
}

func corpusDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	if !exists(filepath.Join(dir, "INDEX.tsv")) {
		t.Skipf("SKIPPED: no corpus of real hives in %s", dir)
	}
	return dir
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// flat is a hive file with what the logs hold put into it.
func (h *Hive) flat(t *testing.T, b []byte) []byte {
	t.Helper()
	all := make([]byte, headSize+int(h.size))
	copy(all, b[:headSize])
	if _, err := h.bins.ReadAt(all[headSize:], 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	le.PutUint32(all[8:], le.Uint32(all[4:]))
	le.PutUint32(all[40:], h.size)
	sum := uint32(0)
	for i := 0; i < headBytes-4; i += 4 {
		sum ^= le.Uint32(all[i:])
	}
	le.PutUint32(all[headBytes-4:], sum)
	return all
}

// seenByUs gives a line for each key and value, and how often it is there.
func seenByUs(h *Hive) map[string]int {
	lines := map[string]int{}
	for k, err := range h.All() {
		if err != nil {
			lines["error "+err.Error()]++
			continue
		}
		when := k.LastWrite
		lines[fmt.Sprintf("%d\x00%s\x00%s", strings.Count(k.Path, `\`), k.Name, when.Format("2006-01-02T15:04:05Z"))]++
		for v, err := range k.Values() {
			if err != nil {
				lines["error "+err.Error()]++
				continue
			}
			data := base64.StdEncoding.EncodeToString(v.Data)
			switch {
			case (v.Type == 1 || v.Type == 2) && len(v.Data)%2 == 0:
				data = text(v.Data)
			case v.Type == 4 && len(v.Data) == 0:
				data = "-1" // hivexml's word for a number without bytes
			case v.Type == 4 && len(v.Data) == 4:
				data = fmt.Sprint(int32(binary.LittleEndian.Uint32(v.Data)))
			case v.Type == 11 && len(v.Data) == 8:
				data = fmt.Sprint(int64(binary.LittleEndian.Uint64(v.Data)))
			case v.Type == 7:
				data = "list"
			}
			lines[k.Name+"\x00"+v.Name+"\x00"+data]++
		}
	}
	return lines
}

// seenByHivex gives the same lines of what hivexml writes.
func seenByHivex(t *testing.T, out []byte) map[string]int {
	t.Helper()
	lines := map[string]int{}
	var path []string
	d := xml.NewDecoder(bytes.NewReader(out))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		start, isStart := token.(xml.StartElement)
		if end, ok := token.(xml.EndElement); ok && end.Name.Local == "node" {
			path = path[:len(path)-1]
		}
		if !isStart {
			continue
		}
		at := map[string]string{}
		for _, a := range start.Attr {
			at[a.Name.Local] = a.Value
		}
		switch start.Name.Local {
		case "node":
			path = append(path, at["name"])
		case "mtime":
			var when string
			if err := d.DecodeElement(&when, &start); err != nil {
				t.Fatal(err)
			}
			if len(path) > 0 {
				lines[fmt.Sprintf("%d\x00%s\x00%s", max(len(path)-2, 0), path[len(path)-1], when)]++
			}
		case "value":
			data := strings.ReplaceAll(at["value"], "\n", "")
			if at["encoding"] == "base64" {
				data = strings.ReplaceAll(data, " ", "")
			} else if at["type"] == "string" || at["type"] == "expand" {
				data = at["value"]
			}
			if at["type"] == "string-list" {
				data = "list"
			}
			lines[path[len(path)-1]+"\x00"+at["key"]+"\x00"+data]++
		}
	}
}

func gunzip(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
