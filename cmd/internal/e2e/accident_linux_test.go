package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A verdict is what verify says with --json.
type verdict struct {
	Whole       bool
	Authentic   []int
	Differences []struct {
		Volume int
		Item   string
		What   string
	}
}

// Whatever is done to the volumes of a real bundle is found, and said of the right volume; of what lies in an item, the
// item too. What the other volumes hold stays proven.
func TestTamperingIsLocated(t *testing.T) {
	b := collectOdd(t)
	other := t.TempDir() // another bundle for the same key, of the same host: its volumes are as well made as ours
	public := strings.Replace(b.private, "private", "public", 1)
	host, _ := oddHost(t)
	must(t, other, []int{0}, "spor", "collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log", "--volume-size", "2M", "--out", "usb")
	theirs := glob(t, filepath.Join(other, "usb", "*.pgp"))
	read := func(name string) []byte {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	second, third := read(b.volumes[1]), read(b.volumes[2])
	middle := len(second) / 2
	for _, c := range []struct {
		name   string
		volume int // where it must be said
		item   bool
		data   []byte // of volume 2
	}{
		{"bit", 2, true, slices.Concat(second[:middle], []byte{second[middle] ^ 8}, second[middle+1:])},
		{"cut", 2, true, second[:middle]},
		{"a block twice", 2, true, slices.Concat(second[:middle], second[middle-4096:])},
		{"two blocks swapped", 2, true, slices.Concat(second[:middle], second[middle+4096:middle+8192], second[middle:middle+4096], second[middle+8192:])},
		{"a block left out", 2, true, slices.Concat(second[:middle], second[middle+4096:])},
		{"its second half is another volume's", 2, true, slices.Concat(second[:middle], third[min(middle, len(third)):])},
		{"the volume after it, again", 2, false, third},
		{"that of another bundle", 2, false, read(theirs[1])},
		{"with its twin behind it", 2, false, slices.Concat(second, second)},
		{"its end is zeros", 2, false, slices.Concat(second[:len(second)-64], make([]byte, 64))},
		{"empty", 2, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			list := slices.Clone(b.volumes)
			list[1] = filepath.Join(dir, filepath.Base(list[1]))
			if err := os.WriteFile(list[1], c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			stdout, stderr, code := run(t, dir, "spor-desk", append([]string{"verify", "--json", "--key", b.private}, list...)...)
			var v verdict
			if err := json.NewDecoder(bytes.NewReader([]byte(stdout))).Decode(&v); err != nil || code != 5 || v.Whole {
				t.Fatalf("ended with %d, %v:\n%s\n%s", code, err, stdout, stderr)
			}
			volume, item := false, false
			for _, d := range v.Differences {
				volume = volume || d.Volume == c.volume || strings.Contains(d.What, filepath.Base(list[1]))
				item = item || d.Volume == c.volume && b.sums[partName.ReplaceAllString(d.Item, "")] != ""
			}
			if !volume || c.item && !item {
				t.Errorf("located in the volume %v, in an item %v:\n%s", volume, item, stdout)
			}
			if slices.Contains(v.Authentic, 2) || len(v.Authentic) != len(list)-1 {
				t.Errorf("authentic are %v", v.Authentic)
			}
			opened := filepath.Join(dir, "opened")
			if _, _, code := run(t, dir, "spor-desk", append([]string{"open", "--recover", "--key", b.private, "--out", opened}, list...)...); code != 5 {
				t.Errorf("open ended with %d, want 5", code)
			}
			marked(t, opened, b)
		})
	}
}

// marked checks an opened folder that is not verified: it says so, and what carries a whole item's name is that item.
func marked(t *testing.T, opened string, b realBundle) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(opened, "NOT-VERIFIED.txt")); err != nil {
		t.Error(err)
	}
	for name, got := range sums(t, opened) {
		if strings.HasSuffix(name, "%unconfirmed") {
			continue
		}
		if want := b.sums[name]; got != want {
			if e := b.entries[name]; len(e.Parts) > 0 { // the parts that are there, not joined
				continue
			}
			t.Errorf("%s carries its name and is %s, not %s", name, got, want)
		}
	}
}

// The order of the volumes on the command line, and what their files are called, is nothing that anyone relies on.
func TestVolumesSayWhichTheyAre(t *testing.T) {
	b := collectOdd(t)
	dir := t.TempDir()
	var list []string
	for i, name := range b.volumes {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		swapped := filepath.Join(dir, filepath.Base(b.volumes[len(b.volumes)-1-i]))
		if err := os.WriteFile(swapped, data, 0o600); err != nil {
			t.Fatal(err)
		}
		list = append(list, swapped)
	}
	slices.Sort(list)
	must(t, dir, []int{0}, "spor-desk", append([]string{"verify", "--key", b.private}, list...)...)
}
