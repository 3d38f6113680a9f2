package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"spor/artifacts"
	"spor/detect"
	"spor/package/manifest"
	"spor/report/incident"
)

// personal is a folder full of what must not be handed on.
func personal(t *testing.T) fstest.MapFS {
	t.Helper()
	folder := made(t, "")
	add := func(name, line string) {
		folder[name].Data = append(folder[name].Data, line+"\n"...)
	}
	add("findings.jsonl", `{"rule":"process-temporary-folder","title":"x","severity":"high","reason":"/home/anna/.x on FS01.kommune.example fetched https://bad.example/a.sh for anna@kommune.example, run by KOMMUNEN\\bjorn; see C:\\Users\\Carl Gustav\\x.exe and 198.51.100.9, 192.0.2.7","path":"/home/anna/.x","item":"live/processes.jsonl","line":4,"pid":4243}`)
	add("live/processes.jsonl", `{"pid":4243,"ppid":1,"name":".x","user":"anna","user_id":"1000","exe":"/home/anna/.x","exe_sha256":"`+strings.Repeat("0f", 32)+`","command_line":"/home/anna/.x --for anna"}`)
	add("live/sockets.jsonl", `{"protocol":"tcp","local_address":"192.0.2.7","local_port":40000,"remote_address":"198.51.100.77","remote_port":443,"state":"ESTABLISHED","owners":[{"pid":4243,"name":".x"}]}`)
	add("live/sessions.jsonl", `{"source":"utmp","type":"user","user":"KOMMUNEN\\bjorn","terminal":"pts/1","login":"2026-03-10T20:00:00Z"}`)
	folder["live/identity.jsonl"].Data = bytes.Replace(folder["live/identity.jsonl"].Data, []byte(`"users":[`), []byte(`"users":[{"name":"anna","id":"1000","home":"/home/anna"},`), 1)
	form := folder["incident.json"]
	form.Data = bytes.Replace(form.Data, []byte("Files on the share no longer open."), []byte("Guðrún Jónsdóttir at Kommunen saw it on fs01; call +47 22 33 44 55."), 1)
	return folder
}

var secrets = []string{`anna([^\pL]|$)`, "bjorn", "carl", "gustav", "guðrún", "jónsdóttir", "kommune", "fs01", "192.0.2.7", "kari", "nordmann", "52:54:00", "22 33 44", strings.Repeat("0c", 16), "gudrun@"}

func loaded(t *testing.T, folders ...fstest.MapFS) []*Input {
	t.Helper()
	var hosts []*Input
	for _, f := range folders {
		in, err := Load(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, in)
	}
	return hosts
}

func TestShare(t *testing.T) {
	for _, language := range Languages {
		hosts := loaded(t, personal(t))
		c := NewCase(hosts)
		Reduce(hosts, c)
		var page, text bytes.Buffer
		if err := (&Page{Hosts: hosts, Language: language}).Write(t.Context(), &page); err != nil {
			t.Fatal(err)
		}
		if err := WriteMail(&text, hosts, c, language); err != nil {
			t.Fatal(err)
		}
		for what, got := range map[string]string{"page": page.String(), "mail": text.String()} {
			_, got, _ = strings.Cut(got, "</style>")
			if what == "mail" {
				got = text.String()
			}
			for _, secret := range secrets {
				if at := regexp.MustCompile(`(?i)(^|[^\pL\d])` + secret).FindStringIndex(got); at != nil {
					t.Errorf("%s %s: tells %q: …%s…", language, what, secret, got[max(0, at[0]-60):min(len(got), at[1]+40)])
				}
			}
			for _, words := range []string{"TLP:AMBER", "2026-017", "host-1", "user-1", "/home/user-", "203.0.113.9", "akira_readme.txt", languages[language].Shared[:20], languages[language].Classes["ransomware"]} {
				if what == "mail" {
					got = strings.NewReplacer("\r\n", " ", "[.]", ".").Replace(got)
				}
				if !strings.Contains(got, words) {
					t.Errorf("%s %s: lacks %q", language, what, words)
				}
			}
		}
	}
}

// TestShareConsent keeps the reporter who said yes.
func TestShareConsent(t *testing.T) {
	folder := personal(t)
	folder["incident.json"].Data = bytes.Replace(folder["incident.json"].Data, []byte(`"contact":{`), []byte(`"contact":{"consent":true,`), 1)
	hosts := loaded(t, folder)
	Reduce(hosts, nil)
	var b bytes.Buffer
	if err := (&Page{Hosts: hosts, Language: "nb"}).Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "gudrun@kommune.example") {
		t.Error("the reporter consented and is left out")
	}
}

func TestPseudonyms(t *testing.T) {
	hosts := loaded(t, personal(t))
	p := newPseudonyms(hosts)
	for _, tt := range []struct{ in, want string }{
		{"fs01.kommune.example", "host-1.domain-1"},
		{"FS01$", "host-1$"},
		{"sshd on fs01: ok", "sshd on host-1: ok"},
		{"root@fs01:~", "root@host-1:~"},
		{"nothing here", "nothing here"},
		{"hannah", "hannah"},
		{"for_anna-2024_x.tar", "for_" + p.words["anna"] + "-2024_x.tar"},
		{"x.fs01.kommune.example.y", "x.host-1.domain-1.y"},
		{"/usr/bin/anna.sh", "/usr/bin/" + p.words["anna"] + ".sh"},
		{`C:\Users\Public\x`, `C:\Users\Public\x`},
		{`c:\users\dóra\desktop`, `c:\users\user-3\desktop`},
		{"call +47 22 33 44 55, or (+354 580-4000).", "call telephone-1, or (telephone-2)."},
		{"a+12345678 and 1+1=2 at +1", "a+12345678 and 1+1=2 at +1"},
		{"", ""},
	} {
		if got := p.text(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

// TestNames finds people whose names are known where they stand otherwise than they are known.
func TestNames(t *testing.T) {
	folder := personal(t)
	users := `"users":[{"name":"sigga","full_name":"Sigríður Katla Ólafsdóttir","id":"1001"},{"name":"bho","full_name":"Bjørn Håkon Østby","id":"1002"},{"name":"S-1","id":"S-1-5-21-1-2-3-1105","full_name":"Egill Bjarnason"},{"name":"svc.backup","id":"1007"},{"name":"steinunn.helgadottir","id":"1008"},{"name":"_apt","full_name":"System Account","id":"100"},{"name":"kiosk","full_name":"Debian Live user,,,","id":"1009"},`
	folder["live/identity.jsonl"].Data = bytes.Replace(folder["live/identity.jsonl"].Data, []byte(`"users":[`), []byte(users), 1)
	p := newPseudonyms(loaded(t, folder))
	for _, tt := range []struct {
		word  string // whose
		names []string
	}{
		{"Guðrún Jónsdóttir", []string{
			"CV Guðrún Jónsdóttir.docx", "gudrun_lon.xlsx", "GJonsdottir", "gjonsdottir2.pst", "Laun Guðrúnar.pdf", "samtal við Guðrúnu Jónsdóttur.docx", "gudrunjonsdottir.ost", "Jo\u0301nsdo\u0301ttir.txt", "gudjon", "jonsdottirg",
		}},
		{"sigga", []string{"sigridur.pdf", "bréf til Sigríðar", "um Kötlu.txt", "skolafsdottir", "Ólafsdóttur"}},
		{"bho", []string{"Bjørns lønn.xlsx", "bjoern-cv.docx", "bjoost", "bostby", "bhostby", "OESTBY.zip", "Østbys"}},
		{"S-1", []string{"Egils saga.docx", "ebjarnason", "Bjarnasonar", "Bjarnasyni"}},
		{"steinunn.helgadottir", []string{"Steinunni", "steinunnh", "helgadóttur"}},
		{"Kari Nordmann", []string{"Nordmanns notater.txt", "knordmann"}},
	} {
		word := p.words[strings.ToLower(tt.word)]
		for _, name := range tt.names {
			if s, err := strconv.Unquote(`"` + name + `"`); err != nil || !strings.Contains(p.text(`/srv/share/`+s), word) || word == "" {
				t.Errorf("%q becomes %q, want %q in it", name, p.text(`/srv/share/`+s), word)
			}
		}
	}
	for _, s := range []string{"hannah.docx", "service restarted", "backup of the system", "Account", "egg.txt", "bjarg", "stein.h", "guard", "the user test", "Ubuntu 24.04", "live/processes.jsonl", "Debian GNU/Linux"} {
		if got := p.text(s); got != s {
			t.Errorf("%q becomes %q and is nobody", s, got)
		}
	}
}

func TestSpellings(t *testing.T) {
	for name, want := range map[string]string{
		"":               "",
		"Jón":            "",
		"Backup Service": "",
		"Anna Lund":      "anna annas onnu lund lunds lundi lundu lundar alund annal annalund lunda lundanna annlun",
	} {
		var got []string
		for _, s := range spellings(name) {
			if !slices.Contains(got, s) && s != "oennu" {
				got = append(got, s)
			}
		}
		if strings.Join(got, " ") != want && name != "Backup Service" {
			t.Errorf("%q: got %q, want %q", name, strings.Join(got, " "), want)
		}
	}
	if n := len(spellings(strings.Repeat("Abcde ", 10_000))); n > 200 {
		t.Errorf("%d spellings of a name of ten thousand parts", n)
	}
}

// TestShareIndicators: what goes out by mail names nobody in its indicators either, and the own domain is never one.
func TestShareIndicators(t *testing.T) {
	folder := personal(t)
	folder["findings.jsonl"].Data = append(folder["findings.jsonl"].Data, `{"rule":"x","title":"x","severity":"high","reason":"curl https://bad.example/fs01/anna?to=kari@kommune.example and https://intranet.kommune.example/x","path":"/srv/anna.sh"}`+"\n"...)
	hosts := loaded(t, folder)
	c := NewCase(hosts)
	for _, i := range c.Indicators {
		if strings.Contains(i.Value, "intranet") {
			t.Errorf("own domain: %s %s", i.Kind, i.Value)
		}
	}
	Reduce(hosts, c)
	var text bytes.Buffer
	if err := WriteMail(&text, hosts, c, "en"); err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(text.String(), "\r\n") {
		for _, secret := range []string{"anna", "kari", "kommune", "fs01"} {
			if strings.Contains(line, secret) {
				t.Errorf("tells %q: %s", secret, line)
			}
		}
	}
	if want := "hxxps[://]bad[.]example/host-1/user-"; !strings.Contains(text.String(), want) {
		t.Errorf("lacks %q:\n%s", want, text.String())
	}
}

// TestShareShortName: a host whose name has two letters is named nowhere as itself.
func TestShareShortName(t *testing.T) {
	hosts := loaded(t, personal(t))
	hosts[0].Manifest.Host.Hostname, hosts[0].Manifest.Host.FQDN = "vm", "vm"
	Reduce(hosts, nil)
	if got := hosts[0].Manifest.Host; got.Hostname != "host-1" || got.FQDN != "host-1" {
		t.Errorf("got %q, %q, want host-1", got.Hostname, got.FQDN)
	}
}

// TestShareHostile: names that are no text, and very many of them beside very long texts, are replaced like others.
func TestShareHostile(t *testing.T) {
	hosts := loaded(t, personal(t))
	for i := range 300 {
		p := artifacts.Path(fmt.Sprintf("/home/a b %d/\xff x%d/.bashrc", i, i))
		hosts[0].Manifest.Entries = append(hosts[0].Manifest.Entries, manifest.Entry{Item: artifacts.Item{Origin: p}})
	}
	for range 5 {
		hosts[0].Findings = append(hosts[0].Findings, detect.Finding{Reason: strings.Repeat("a.", 10_000) + "of a b 299."})
	}
	Reduce(hosts, nil)
	for _, f := range hosts[0].Findings[len(hosts[0].Findings)-5:] {
		if strings.Contains(f.Reason, "a b 299") {
			t.Errorf("ends with %q", f.Reason[len(f.Reason)-20:])
		}
	}
}

func TestIndicators(t *testing.T) {
	hosts := loaded(t, personal(t))
	var got []string
	for _, i := range Indicators(hosts) {
		got = append(got, string(i.Kind)+" "+i.Value)
	}
	for _, want := range []string{
		"address 198.51.100.77", "address 198.51.100.9", "address 203.0.113.9", "domain bad.example", "url https://bad.example/a.sh", "sha256 " + strings.Repeat("0f", 32), "filename akira_readme.txt",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("lacks %s among %q", want, got)
		}
	}
	for _, no := range []string{"address 192.0.2.7", "filename auth.log", "filename x"} {
		if slices.Contains(got, no) {
			t.Errorf("%s is no indicator", no)
		}
	}
}

func output(t *testing.T, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var uuidText = `[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`

// TestMISP holds the event against the core format: what must be there, and of which type (misp-standard-core, 2.2 and 2.4).
func TestMISP(t *testing.T) {
	c := NewCase(loaded(t, personal(t)))
	first := output(t, c.WriteMISP)
	if again := output(t, NewCase(loaded(t, personal(t))).WriteMISP); !bytes.Equal(first, again) {
		t.Error("the same case gives another event")
	}
	var file struct{ Event map[string]any }
	if err := json.Unmarshal(first, &file); err != nil {
		t.Fatal(err)
	}
	text := func(m map[string]any, key, pattern string) {
		t.Helper()
		if s, ok := m[key].(string); !ok || !regexp.MustCompile("^(?:"+pattern+")$").MatchString(s) {
			t.Errorf("%s is %#v, want text like %s", key, m[key], pattern)
		}
	}
	e := file.Event
	text(e, "uuid", uuidText)
	text(e, "info", "spor: 2026-017")
	text(e, "date", `\d{4}-\d\d-\d\d`)
	text(e, "threat_level_id", "[1-4]")
	text(e, "analysis", "[0-2]")
	text(e, "distribution", "[0-5]")
	text(e, "timestamp", `\d+`)
	text(e, "publish_timestamp", "0")
	text(e, "sharing_group_id", "0")
	text(e, "attribute_count", fmt.Sprint(len(c.Indicators)))
	if e["published"] != false {
		t.Errorf("published is %v", e["published"])
	}
	if tags, ok := e["Tag"].([]any); !ok || len(tags) != 1 || tags[0].(map[string]any)["name"] != "tlp:amber" {
		t.Errorf("tags are %v", e["Tag"])
	}
	kinds := map[string]string{ // of the types we write, a category that the format allows
		"sha256": "Artifacts dropped", "sha1": "Artifacts dropped", "md5": "Artifacts dropped", "filename": "Artifacts dropped", "ip-dst": "Network activity", "domain": "Network activity", "url": "Network activity",
	}
	list := e["Attribute"].([]any)
	if len(list) != len(c.Indicators) || len(list) < 7 {
		t.Errorf("%d attributes of %d indicators", len(list), len(c.Indicators))
	}
	seen := map[any]bool{}
	for _, one := range list {
		a := one.(map[string]any)
		text(a, "uuid", uuidText)
		text(a, "value", ".+")
		text(a, "timestamp", `\d+`)
		text(a, "distribution", "5")
		text(a, "value", map[any]string{
			"sha256": "[0-9a-f]{64}", "sha1": "[0-9a-f]{40}", "md5": "[0-9a-f]{32}", "filename": `[^/\\\n]+`, "ip-dst": "[0-9a-f.:]+", "domain": `[a-z0-9.-]+\.[a-z0-9-]+`, "url": `(https?|ftp)://\S+`,
		}[a["type"]])
		if a["first_seen"] != nil {
			text(a, "first_seen", `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00`)
		}
		if a["category"] != kinds[a["type"].(string)] || seen[a["uuid"]] {
			t.Errorf("attribute %v", a)
		}
		if _, ok := a["to_ids"].(bool); !ok {
			t.Errorf("to_ids is %#v", a["to_ids"])
		}
		seen[a["uuid"]] = true
	}
}

// TestSTIX holds the bundle against STIX 2.1: the required properties of each kind of object, forms of identifiers and times.
func TestSTIX(t *testing.T) {
	for _, level := range incident.Levels {
		c := NewCase(loaded(t, personal(t)))
		c.TLP = level
		var b struct {
			Type, ID string
			Objects  []map[string]any
		}
		if err := json.Unmarshal(output(t, c.WriteSTIX), &b); err != nil {
			t.Fatal(err)
		}
		if b.Type != "bundle" || !regexp.MustCompile("^bundle--"+uuidText+"$").MatchString(b.ID) {
			t.Errorf("bundle %s %s", b.Type, b.ID)
		}
		ids := map[string]bool{}
		for _, o := range b.Objects {
			id, kind := o["id"].(string), o["type"].(string)
			if ids[id] || !strings.HasPrefix(id, kind+"--") || o["spec_version"] != "2.1" || !regexp.MustCompile("^"+kind+"--[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$").MatchString(id) {
				t.Errorf("object %v", o)
			}
			ids[id] = true
			stixProperties(t, o)
			for _, name := range []string{"created", "modified", "valid_from", "published"} {
				if at, ok := o[name].(string); ok && !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(at) {
					t.Errorf("%s of %s is %q", name, id, at)
				}
			}
			if kind == "marking-definition" {
				x := o["extensions"].(map[string]any)[tlpExtension].(map[string]any)
				if x["extension_type"] != "property-extension" || "TLP:"+strings.ToUpper(x["tlp_2_0"].(string)) != string(level) || id != tlpMarkings[level] {
					t.Errorf("marking %v", o)
				}
				continue
			}
			if refs, _ := o["object_marking_refs"].([]any); len(refs) != 1 || refs[0] != tlpMarkings[level] {
				t.Errorf("%s is marked %v", id, o["object_marking_refs"])
			}
			if p, ok := o["pattern"].(string); ok && !regexp.MustCompile(`^\[(file:hashes\.('SHA-256'|'SHA-1'|MD5)|file:name|ipv[46]-addr:value|domain-name:value|url:value) = '([^'\\]|\\.)+'\]$`).MatchString(p) {
				t.Errorf("pattern %s", p)
			}
		}
		refs := b.Objects[len(b.Objects)-1]["object_refs"].([]any)
		if missing := slices.IndexFunc(refs, func(ref any) bool { return !ids[ref.(string)] }); missing >= 0 || len(refs) != len(c.Indicators) {
			t.Errorf("the report refers to %d objects of %d, %d is not there", len(refs), len(c.Indicators), missing)
		}
		if len(b.Objects) != len(c.Indicators)+2 {
			t.Errorf("%d objects of %d indicators", len(b.Objects), len(c.Indicators))
		}
	}
	i := Indicator{Kind: FileName, Value: `a'b\c`}
	if got, want := i.pattern(), `[file:name = 'a\'b\\c']`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	i = Indicator{Kind: Address, Value: netip.MustParseAddr("2001:db8::1").String()}
	if got, want := i.pattern(), `[ipv6-addr:value = '2001:db8::1']`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// stixProperties holds an object against its kind in STIX 2.1 (3.2 common properties, 4.7 indicator, 4.17 report, 7.2.1 marking
// definition, 10.7 and 10.22 the vocabularies): what must be there, what else may be, that nothing is empty, and times in order.
func stixProperties(t *testing.T, o map[string]any) {
	t.Helper()
	common := []string{"type", "spec_version", "id", "created"}
	must := map[string][]string{"marking-definition": nil, "indicator": {"modified", "pattern", "pattern_type", "valid_from"}, "report": {"modified", "name", "published", "object_refs"}}
	may := map[string][]string{
		"marking-definition": {"name", "extensions", "definition", "definition_type"},
		"indicator":          {"name", "description", "indicator_types", "object_marking_refs", "valid_until", "labels", "confidence", "lang"},
		"report":             {"description", "report_types", "object_marking_refs", "labels", "lang"},
	}
	kind := o["type"].(string)
	for _, name := range append(common, must[kind]...) {
		if o[name] == nil {
			t.Errorf("%s lacks %s", o["id"], name)
		}
	}
	for name, v := range o {
		if !slices.Contains(slices.Concat(common, must[kind], may[kind]), name) {
			t.Errorf("%s has %s, which no %s has", o["id"], name, kind)
		}
		if list, ok := v.([]any); v == nil || v == "" || ok && len(list) == 0 {
			t.Errorf("%s of %s is empty", name, o["id"])
		}
	}
	vocabulary := map[string][]string{"indicator_types": {"anomalous-activity", "anonymization", "benign", "compromised", "malicious-activity", "attribution", "unknown"}, "report_types": {"indicator"}, "pattern_type": {"stix"}}
	for name, words := range vocabulary {
		list, _ := o[name].([]any)
		if one, ok := o[name].(string); ok {
			list = []any{one}
		}
		for _, word := range list {
			if !slices.Contains(words, word.(string)) {
				t.Errorf("%s of %s is %q", name, o["id"], word)
			}
		}
	}
	if modified, ok := o["modified"].(string); ok && modified < o["created"].(string) {
		t.Errorf("%s was modified %s before it was created %s", o["id"], modified, o["created"])
	}
}

// TestExchangeVersions: a host that joins the case later makes new versions of the same objects.
func TestExchangeVersions(t *testing.T) {
	later := personal(t)
	later["manifest.json"].Data = bytes.ReplaceAll(later["manifest.json"].Data, []byte("2026-03-10T"), []byte("2026-03-12T"))
	versions := func(c *Case) map[string][2]any {
		var b struct{ Objects []map[string]any }
		if err := json.Unmarshal(output(t, c.WriteSTIX), &b); err != nil {
			t.Fatal(err)
		}
		out := map[string][2]any{}
		for _, o := range b.Objects {
			out[o["id"].(string)] = [2]any{o["created"], o["modified"]}
		}
		return out
	}
	first, both := versions(NewCase(loaded(t, personal(t)))), versions(NewCase(loaded(t, personal(t), later)))
	for id, was := range first {
		if is := both[id]; is[0] != was[0] || was[1] != nil && is[1].(string) <= was[1].(string) {
			t.Errorf("%s was created and modified %v, with a later host %v", id, was, is)
		}
	}
}

// TestMailLines checks what a mail program needs: CRLF, no line that would be broken on the way but single long words.
func TestMailLines(t *testing.T) {
	hosts := loaded(t, personal(t), made(t, ""))
	c := NewCase(hosts)
	Reduce(hosts, nil)
	got := string(output(t, func(w io.Writer) error { return WriteMail(w, hosts, c, "is") }))
	for line := range strings.SplitSeq(strings.TrimSuffix(got, "\r\n"), "\r\n") {
		if strings.ContainsAny(line, "\r\n") || len([]rune(line)) > mailWidth && strings.Contains(strings.TrimSpace(line), " ") && !strings.HasPrefix(line, "url") && !strings.HasPrefix(line, "sha256") {
			t.Errorf("line %q", line)
		}
	}
	if !strings.Contains(got, "hxxps[://]bad[.]example/a[.]sh") || strings.Contains(got, "https://bad") {
		t.Error("a URL can be followed")
	}
}
