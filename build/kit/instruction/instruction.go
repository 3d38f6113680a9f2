// Package instruction writes the page that lies beside the agent in a kit: what to do at an affected machine, in
// Icelandic, Norwegian bokmål and English, one after the other, on one sheet of paper.
package instruction

import (
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"spor/build/kit"
)

// A language's words. They speak to a person who is no forensic expert and in a hurry.
type words struct {
	Lang, Title, Case, Keep, Contact, Expires string
	Steps                                     []string
	Streamed                                  string // the last step where nothing is written to a disk
}

var languages = []words{
	{
		"is", "Gagnasöfnun af tölvu eftir öryggisatvik", "Mál", "Hafið áfram kveikt á tölvunni. Endurræsið hana ekki, eyðið engu og keyrið enga hreinsun.", "Hafið samband", "Gildir til",
		[]string{
			"Afritið þessa möppu á minnislykil, setjið hann í tölvuna og opnið möppuna þar.",
			"Windows: hægrismellið á {windows} og veljið „Keyra sem stjórnandi“. Linux: sudo ./{linux}",
			"Forritið spyr nokkurra spurninga, sem sleppa má, og safnar síðan gögnum. Það breytir sem minnstu. Allt er dulritað áður en það er skrifað; aðeins viðtakandinn getur opnað það.",
			"Í lokin birtast undirritunarlykill (signer) og samtala (digest). Hringið og lesið upp fyrstu og síðustu fjóra stafina í hvoru fyrir sig.",
			"Ef sendingin tókst ekki: geymið .pgp-skrárnar vel og sendið þær síðar með spor upload.",
		},
		"Gögnin eru send beint yfir netið og ekkert er skrifað á diska tölvunnar: hafið hana nettengda. Ef sendingin tekst ekki: hafið samband, eða keyrið aftur með --out og heiti möppu á minnislykli.",
	},
	{
		"nb", "Innsamling av spor fra en rammet maskin", "Sak", "La maskinen stå på. Ikke start den på nytt, slett ingenting og kjør ingen opprydding.", "Kontakt", "Gjelder til",
		[]string{
			"Kopier denne mappen til en minnepinne, sett den i maskinen og åpne mappen der.",
			"Windows: høyreklikk på {windows} og velg «Kjør som administrator». Linux: sudo ./{linux}",
			"Programmet stiller noen spørsmål, som du kan hoppe over, og samler deretter inn spor. Det endrer så lite som mulig. Alt blir kryptert før det skrives; bare mottakeren kan åpne det.",
			"Til slutt vises en signaturnøkkel (signer) og en kontrollsum (digest). Ring og les opp de fire første og de fire siste tegnene i begge.",
			"Hvis sendingen ikke lyktes: ta vare på .pgp-filene og kjør spor upload senere.",
		},
		"Sporene sendes rett over nettet, og ingenting skrives til maskinens disker: la den være på nett. Hvis sendingen ikke lykkes: ta kontakt, eller kjør igjen med --out og en mappe på en minnepinne.",
	},
	{
		"en", "Collecting evidence from an affected machine", "Case", "Leave the machine on. Do not restart it, delete nothing, run no clean-up.", "Contact", "Valid until",
		[]string{
			"Copy this folder to a USB stick, put it into the machine and open the folder there.",
			"Windows: right-click {windows} and choose “Run as administrator”. Linux: sudo ./{linux}",
			"The program asks some questions, which may be skipped, and then collects. It changes as little as it can. All is encrypted before it is written; only the recipient can open it.",
			"At the end it shows a signer and a digest. Call and read out the first and the last four characters of each.",
			"If sending did not work: keep the .pgp files and run spor upload later.",
		},
		"The evidence is sent straight over the network and nothing is written to the machine's disks: keep it connected. If sending does not work: call us, or run again with --out and a folder on a USB stick.",
	},
}

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"step": func(s, windows, linux string) string {
		return strings.NewReplacer("{windows}", windows, "{linux}", linux).Replace(s)
	},
	"steps": func(w words, k kit.Kit) []string {
		if !k.Stream {
			return w.Steps
		}
		return append(slices.Clone(w.Steps[:len(w.Steps)-1]), w.Streamed)
	},
	"date": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
}).Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>spor: {{.Kit.Case}}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
@page{size:A4;margin:12mm}
body{font:11pt/1.35 system-ui,"Segoe UI",sans-serif;max-width:190mm;margin:8mm auto;padding:0 4mm;color:#111}
section{border-top:2px solid #111;padding:2mm 0 1mm;break-inside:avoid}
h2{font-size:14pt;margin:0 0 1mm}ol{margin:1mm 0 1mm 5mm;padding-left:4mm}li{margin:.6mm 0}
.keep{font-weight:700}.meta{color:#333;margin:1mm 0}.fp{font-family:monospace;font-size:9pt;overflow-wrap:anywhere}
@media print{body{font-size:10.5pt;margin:0 auto}} /* all of it on one sheet */
</style></head><body>
{{range .Languages}}<section lang="{{.Lang}}"><h2>{{.Title}}</h2>
<p class="meta">{{.Case}}: <b>{{$.Kit.Case}}</b>{{if not $.Kit.Expires.IsZero}} · {{.Expires}}: {{date $.Kit.Expires}}{{end}}</p>
<p class="keep">{{.Keep}}</p>
<ol>{{range steps . $.Kit}}<li>{{step . $.Windows $.Linux}}</li>{{end}}</ol>
{{with $.Kit.Contact}}{{if or .Name .Phone .Mail}}<p class="meta"><b>{{.Name}}</b> {{.Phone}} {{.Mail}}</p>{{end}}{{end}}
</section>{{end}}
<p class="fp">{{range .Recipients}}{{.}}<br>{{end}}</p>
</body></html>
`))

// Write writes the page for a kit with the given executables, the Windows and the Linux one, whose names may be empty.
// Recipients are the keys the kit seals to, in words.
func Write(w io.Writer, k kit.Kit, recipients []string, windows, linux string) error {
	if windows == "" {
		windows = "spor.exe"
	}
	if linux == "" {
		linux = "spor"
	}
	return page.Execute(w, struct {
		Kit            kit.Kit
		Languages      []words
		Recipients     []string
		Windows, Linux string
	}{k, languages, recipients, windows, linux})
}
