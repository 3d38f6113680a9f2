package registered

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"spor/artifacts"
)

// TestGrowth holds that variables of httpd.conf that stand for one another again and again cost no memory.
func TestGrowth(t *testing.T) {
	var text strings.Builder
	for i := range 10 {
		fmt.Fprintf(&text, "Define v%d %s\n", i, strings.Repeat(fmt.Sprintf("${v%d}", (i+1)%10), 600))
	}
	fmt.Fprintf(&text, "Define big %s\nCustomLog C:/%s\nCustomLog C:/logs/a.log\n", strings.Repeat("x", 1<<20), strings.Repeat("${v0}${big}", 300))
	c := &collection{ctx: context.Background(), host: &artifacts.Host{}, rec: silent{}, known: map[string]bool{}}
	if err := c.httpd("httpd.conf", text.String(), `C:\Apache`, map[string]string{}); err != nil {
		t.Fatal(err)
	}
	if len(c.definition.Sources) != 1 || !strings.HasPrefix(c.definition.Sources[0].Paths[0], `C:\logs\a.log`) {
		t.Errorf("%d places, want that of the last line", len(c.definition.Sources))
	}
}

// TestTooMany holds that settings which name more places than are looked for are said, once.
func TestTooMany(t *testing.T) {
	said := &saying{}
	c := &collection{ctx: context.Background(), host: &artifacts.Host{}, rec: said, known: map[string]bool{}}
	for i := range maxPlaces + 5 {
		if err := c.add(record{Setting: "test", Says: fmt.Sprintf(`C:\x\%d.log`, i)}); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.known) != maxPlaces || said.notes != 1 {
		t.Errorf("%d places and %d notes, want %d and 1", len(c.known), said.notes, maxPlaces)
	}
}

// saying is a recorder that counts what it is told.
type saying struct {
	silent
	notes int
}

func (s *saying) Note(artifacts.Outcome) { s.notes++ }
