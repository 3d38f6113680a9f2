// Package report writes the first page a responder reads of one or more opened bundles of a case: one HTML file that
// needs nothing else, in Icelandic, Norwegian or English. Everything on it that an examined host had a hand in is
// hostile: it is escaped, shortened and counted. The page runs one script, its own timeline viewer, known to the content
// policy by its hash; it fetches nothing, and links go only to files of the opened folders. Without the script the page
// says all it says but the single events.
package report

import (
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageHTML string

// pageTemplate is parsed when the program starts, so that a fault in it cannot wait for a case.
var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"join": func(list []string) string { return strings.Join(list, ", ") },
	"args": func(t *texts, v any) map[string]any { return map[string]any{"T": t, "V": v} },
}).Parse(pageHTML))

// Languages are the names of those a page can be written in.
var Languages = []string{"is", "nb", "en"}

// A Page is of the hosts of one case.
type Page struct {
	Hosts    []*Input // at least one
	Language string   // of Languages
}

// Write writes the page. The folders of the hosts are read once more, for their events.
func (p *Page) Write(ctx context.Context, w io.Writer) error {
	t, ok := languages[p.Language]
	if !ok {
		return fmt.Errorf("no language is called %q: is, nb or en", p.Language)
	}
	viewer, err := newViewer(ctx, p.Hosts, maxEvents)
	if err != nil {
		return err
	}
	v := newPageView(p.Hosts, viewer, t)
	if err := pageTemplate.Execute(w, v); err != nil {
		return err
	}
	if v.Viewing {
		if err := viewer.write(w, t, v.end); err != nil {
			return err
		}
	}
	_, err = io.WriteString(w, "</body>\n</html>\n")
	return err
}
