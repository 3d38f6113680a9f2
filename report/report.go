// Package report writes the first page a responder reads of an opened bundle: one HTML file that needs nothing else, in
// Icelandic, Norwegian or English. Everything on it that the examined host had a hand in is hostile: it is escaped,
// shortened and counted, the page runs no script and fetches nothing (its content policy forbids both), and links go
// only to files beside it.
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageHTML string

// page is parsed when the program starts, so that a fault in it cannot wait for a case.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"join": func(list []string) string { return strings.Join(list, ", ") },
	"args": func(t *texts, v any) map[string]any { return map[string]any{"T": t, "V": v} },
}).Parse(pageHTML))

// Languages are the names of those a page can be written in.
var Languages = []string{"is", "nb", "en"}

// Write writes the page in a language of Languages.
func Write(w io.Writer, in *Input, language string) error {
	t, ok := languages[language]
	if !ok {
		return fmt.Errorf("no language is called %q: is, nb or en", language)
	}
	return page.Execute(w, newView(in, t))
}
