package report

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"spor/artifacts"
	"spor/timeline"
)

// written puts a page of folders on disk.
func written(t testing.TB, folders ...fstest.MapFS) string {
	t.Helper()
	page := Page{Language: "en"}
	for _, f := range folders {
		in, err := Load(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		page.Hosts = append(page.Hosts, in)
	}
	var b bytes.Buffer
	if err := page.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestBrowser uses the viewer as a person would.
func TestBrowser(t *testing.T) {
	b := newBrowser(t)
	b.open(written(t, made(t, "")))
	const status = `document.getElementById("viewer-status").textContent`
	all := b.text(status)
	if want := "3,661 of 3,661 events"; all != want {
		t.Errorf("at first: %q, want %q", all, want)
	}
	filter := func(id, value, want string) {
		t.Helper()
		b.set(id, value)
		b.until(status + " === " + fmt.Sprintf("%q", want))
	}
	b.picture("light")
	filter("viewer-search", "failed PASSWORD", "377 of 3,661 events")
	filter("viewer-search", `"pid: 801" -kernel`, "39 of 3,661 events")
	filter("viewer-search", "no such words", "0 of 3,661 events")
	filter("viewer-search", "", all)
	filter("viewer-type", "fs:stat", "3,280 of 3,661 events")
	filter("viewer-type", "", all)
	filter("viewer-parser", "syslog", "381 of 3,661 events")
	filter("viewer-parser", "", all)

	// brushed with the mouse, then cleared by the keyboard
	var box struct{ X, Y, Width, Height float64 }
	b.eval(`(() => {const c = document.getElementById("viewer-chart"); c.scrollIntoView({block: "center"}); return c.getBoundingClientRect().toJSON()})()`, &box)
	y := box.Y + box.Height/2
	b.mouse("mousePressed", box.X+box.Width*0.6, y)
	b.mouse("mouseMoved", box.X+box.Width*0.7, y)
	b.mouse("mouseMoved", box.X+box.Width*0.8, y)
	b.mouse("mouseReleased", box.X+box.Width*0.8, y)
	brushed := b.text(status)
	if brushed == all || b.text(`document.getElementById("viewer-from").value`) == "" {
		t.Errorf("the brush selects nothing: %q", brushed)
	}
	b.picture("brushed")
	b.eval(`document.getElementById("viewer-chart").focus()`, nil)
	b.key("Escape", 0)
	b.until(status + " === " + fmt.Sprintf("%q", all))
	b.key("End", 0)
	b.key("ArrowLeft", 0)
	for range 30 {
		b.key("ArrowLeft", 8) // with Shift
	}
	if b.text(status) == all {
		t.Error("the keyboard selects nothing in the chart")
	}
	b.key("Escape", 0)

	// the list by the keyboard, and the address of an event
	b.eval(`document.getElementById("viewer-list").focus()`, nil)
	b.key("Home", 0)
	b.key("ArrowDown", 0)
	b.until(`location.hash === "#e=1"`)
	b.key("End", 0)
	b.until(`location.hash === "#e=3660"`)
	b.until(`document.getElementById("viewer-detail").textContent.includes("[x] the future")`)
	filter("viewer-type", "syslog:line", "381 of 3,661 events")
	b.eval(`location.hash = "#e=3600"`, nil) // an event that the filter hides
	b.until(status + " === " + fmt.Sprintf("%q", all))
	b.until(`document.querySelector("#viewer-rows [aria-selected=true]")`)

	// from a finding to its event
	b.eval(`document.querySelector(".finding .js a").click()`, nil)
	b.until(`document.getElementById("viewer-detail").textContent.includes("Accepted password")`)
	fields := b.text(`[...document.querySelectorAll("#viewer-detail .own")].map((dt) => dt.textContent + "=" + dt.nextSibling.textContent).join("|")`)
	if want := "sha256=" + strings.Repeat("7c", 32) + "|body=Accepted password for root from 203.0.113.9 port 50022 ssh2|reporter=sshd|pid=811|tags=one\ntwo"; fields != want {
		t.Errorf("the event's own fields are %q, want %q", fields, want)
	}
	filter("viewer-finding", "any", "1 of 3,661 events")
	b.picture("finding")
	b.quiet()
	b.looks(t)
}

// TestBrowserHostile puts into everything the host has a say in what would run, fetch or deceive, and waits for it to.
func TestBrowserHostile(t *testing.T) {
	b := newBrowser(t)
	evil := `<script>window.owned=1</script><img src=x onerror="window.owned=2"><svg/onload=alert(3)>"'` + "`" + `${owned=4}</script><!--]]><iframe src=//evil.example></iframe><a href="javascript:owned=5">` + "\u202egnp.exe\u200b\x00\x1b[2J\r\n\v\u2028{{.}}"
	b.open(written(t, made(t, evil)))
	b.eval(`document.getElementById("viewer-list").focus()`, nil)
	b.key("End", 0)
	for range 40 {
		b.key("ArrowUp", 0)
	}
	for _, id := range []string{"viewer-parser", "viewer-type", "viewer-finding"} {
		b.eval(fmt.Sprintf(`{const x = document.getElementById(%q); x.selectedIndex = x.length - 1; x.dispatchEvent(new Event("change"))}`, id), nil)
	}
	b.eval(`{const x = document.getElementById("viewer-search"); x.value = "<script>"; x.dispatchEvent(new Event("input"))}`, nil)
	b.eval(`new Promise((r) => setTimeout(r, 300))`, nil)
	for expression, want := range map[string]string{
		`window.owned`: "undefined",
		`document.querySelectorAll("iframe, img:not(figure > img), #viewer script, #viewer svg, [onerror], [onload]").length`: "0",
		`[...document.links].filter((a) => !/^file:/.test(a.href)).length`:                                                    "0",
		`/[\u0000-\u0008\u000b-\u001f\u007f\u200b\u202e\u2028]/.test(document.body.innerText)`:                                "false",
		`document.getElementById("viewer-rows").textContent.includes("<script>window.owned=1</script>")`:                      "true",
	} {
		if got := b.text(expression); got != want {
			t.Errorf("%s is %s, want %s", expression, got, want)
		}
	}
	b.quiet()
}

// TestBrowserCase opens a page of two hosts.
func TestBrowserCase(t *testing.T) {
	b := newBrowser(t)
	other := made(t, "")
	for _, name := range []string{"manifest.json", "timeline.jsonl"} {
		other[name].Data = bytes.ReplaceAll(other[name].Data, []byte("fs01"), []byte("dc02"))
	}
	other["manifest.json"].Data = bytes.Replace(other["manifest.json"].Data, []byte("TLP:AMBER"), []byte("TLP:RED"), 1)
	b.open(written(t, made(t, ""), other))
	for expression, want := range map[string]string{
		`document.getElementById("viewer-status").textContent`:                                                               "7,322 of 7,322 events",
		`document.querySelector(".tlp b").textContent`:                                                                       "TLP:RED",
		`document.querySelectorAll(".hosts section").length`:                                                                 "2",
		`document.querySelectorAll(".finding").length`:                                                                       "10",
		`document.getElementById("viewer-host").length`:                                                                      "3",
		`new Set([...document.querySelectorAll("[id]")].map((e) => e.id)).size === document.querySelectorAll("[id]").length`: "true",
	} {
		if got := b.text(expression); got != want {
			t.Errorf("%s is %q, want %q", expression, got, want)
		}
	}
	if broken := b.text(`[...document.querySelectorAll("nav a, #summary a, .hosts a")].map((a) => a.getAttribute("href")).filter((h) => !document.getElementById(h.slice(1))).join(" ")`); broken != "" {
		t.Errorf("these lead nowhere: %s", broken)
	}
	b.eval(`{const x = document.getElementById("viewer-host"); x.value = "dc02"; x.dispatchEvent(new Event("change"))}`, nil)
	b.until(`document.getElementById("viewer-status").textContent === "3,661 of 7,322 events"`)
	b.picture("case")
	for _, width := range []int{360, 768} {
		b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": true}, nil)
		if got := b.text(`document.documentElement.scrollWidth`); got != fmt.Sprint(width) {
			t.Errorf("%d wide, the page is %s wide and scrolls sideways: %s", width, got, b.text(fmt.Sprintf(`[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > %d && !e.parentElement.closest("table, #viewer-list")).map((e) => e.outerHTML.slice(0, 90)).slice(0, 5).join(" | ")`, width)))
		}
		b.picture(fmt.Sprintf("wide-%d", width))
	}
	b.call("Emulation.clearDeviceMetricsOverride", nil, nil)
	b.quiet()

	// without scripts the figures are there, and nothing that needs them
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	b.call("Page.reload", nil, nil)
	b.until(`document.readyState === "complete"`)
	if got := b.text(`[getComputedStyle(document.getElementById("viewer")).display, getComputedStyle(document.querySelector("div.still")).display, getComputedStyle(document.querySelector(".js")).display].join(" ")`); got != "none block none" {
		t.Errorf("without scripts viewer, figures and links to events are %q", got)
	}
}

// looks takes pictures in the dark and in print; what must not be seen there is checked.
func (b *browser) looks(t *testing.T) {
	t.Helper()
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": "dark"}}}, nil)
	if got := b.text(`getComputedStyle(document.documentElement).backgroundColor`); got != "rgb(20, 24, 29)" {
		t.Errorf("in the dark the page is %s", got)
	}
	b.picture("dark-viewer")
	b.eval(`scrollTo(0, 0)`, nil)
	b.picture("dark")
	b.call("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
	if got := b.text(`getComputedStyle(document.getElementById("viewer")).display + " " + getComputedStyle(document.querySelector("div.still")).display`); got != "none block" {
		t.Errorf("in print viewer and figures are %q", got)
	}
	if folder := os.Getenv("SPOR_SCREENSHOTS"); folder != "" {
		var pdf struct {
			Data string `json:"data"`
		}
		b.call("Page.printToPDF", map[string]any{"preferCSSPageSize": true, "printBackground": true}, &pdf)
		b.keep(filepath.Join(folder, "print.pdf"), pdf.Data)
	}
	b.call("Emulation.setEmulatedMedia", map[string]any{"media": ""}, nil)
}

// TestMillion opens a page of a million events and filters them: SPOR_LONG=1. How long that takes is for BenchmarkMillion.
func TestMillion(t *testing.T) {
	name, ratio := millionPage(t)
	t.Logf("the page is %.2f times the compressed events", ratio)
	if ratio > 1.5 {
		t.Error("that is too large")
	}
	b := newBrowser(t)
	b.open(name)
	for _, f := range filters {
		b.set(f.id, f.value)
		b.until(fmt.Sprintf(`document.getElementById("viewer-status").textContent === %q`, f.want+" of 1,000,000 events"))
	}
	b.eval(`document.getElementById("viewer-list").focus()`, nil)
	b.key("End", 0)
	b.until(`document.getElementById("viewer-detail").dataset.event === "999999"`)
	if got := b.text(`document.getElementById("viewer-detail").textContent`); !strings.Contains(got, "file_entry_typefile") || !strings.Contains(got, "mode420") {
		t.Errorf("the last event is shown as %q", got)
	}
	b.picture("million")
	b.quiet()
}

// filters are what is done to a million events, and how many are left.
var filters = []struct{ id, value, want string }{
	{"viewer-search", "failed password", "250,000"},
	{"viewer-search", "e", "1,000,000"},
	{"viewer-search", "zzzz", "0"},
	{"viewer-search", "e -session", "500,000"},
	{"viewer-search", "department-7/", "8,356"},
	{"viewer-search", "", "1,000,000"},
	{"viewer-type", "syslog:line", "500,000"},
	{"viewer-search", "cron", "250,000"},
	{"viewer-search", "", "500,000"},
	{"viewer-type", "", "1,000,000"},
}

// BenchmarkMillion tells for how long a page of a million events keeps the browser busy: wall clock, which says little
// where the machine is busy, and the processor time of the page's process. SPOR_LONG=1.
func BenchmarkMillion(tb *testing.B) {
	name, _ := millionPage(tb)
	tb.ResetTimer()
	var opened, openCPU, worst, worstCPU, select_ float64
	for range tb.N {
		b := newBrowser(tb)
		b.call("Performance.enable", nil, nil)
		opened += float64(b.open(name).Milliseconds())
		openCPU += float64(b.cpu().Milliseconds())
		b.until(`document.getElementById("viewer").dataset.prepared`)
		slowest, most := 0.0, 0.0
		for _, f := range filters {
			before := b.cpu()
			ms := b.took(f.id, f.value)
			used := float64((b.cpu() - before).Milliseconds())
			slowest, most = max(slowest, ms), max(most, used)
			tb.Logf("%s %q: %.0f ms, %.0f ms of processor", f.id, f.value, ms, used)
		}
		worst, worstCPU = worst+slowest, worstCPU+most
		var ms float64
		b.eval(`(async () => { // an event whose fields nobody has looked at
			const began = performance.now(), d = document.getElementById("viewer-detail");
			location.hash = "#e=500001";
			while (d.dataset.event !== "500001") await new Promise((r) => setTimeout(r, 1));
			return performance.now() - began;
		})()`, &ms)
		select_ += ms
	}
	n := float64(tb.N)
	tb.ReportMetric(opened/n, "open-ms")
	tb.ReportMetric(openCPU/n, "open-cpu-ms")
	tb.ReportMetric(worst/n, "slowest-filter-ms")
	tb.ReportMetric(worstCPU/n, "slowest-filter-cpu-ms")
	tb.ReportMetric(select_/n, "select-ms")
}

// millionPage writes the page and gives how large it is, of the compressed events.
func millionPage(tb testing.TB) (string, float64) {
	tb.Helper()
	if os.Getenv("SPOR_LONG") == "" {
		tb.Skip("SKIPPED: SPOR_LONG=1 tries a page of a million events")
	}
	folder := made(tb, "")
	folder["timeline.jsonl"] = &fstest.MapFile{Data: million()}
	name := written(tb, folder)
	st, err := os.Stat(name)
	if err != nil {
		tb.Fatal(err)
	}
	return name, float64(st.Size()) / float64(zipped(tb, folder["timeline.jsonl"].Data))
}

// million are events as a server has them: logons and cron in a log, web requests, and times of files.
func million() []byte {
	log := &timeline.Source{Host: "fs01", Path: "/var/log/auth.log", Parser: "syslog", SHA256: timeline.ParseDigest("8c9e86cdb82cf777646e868430c1c9d54a47374400cf81d3fd329bb6a8a5e428")}
	web := &timeline.Source{Host: "fs01", Path: "/var/log/nginx/access.log", Parser: "access_log", SHA256: timeline.ParseDigest("0c9e86cdb82cf777646e868430c1c9d54a47374400cf81d3fd329bb6a8a5e428")}
	var b []byte
	state := uint64(1)
	random := func(n int) int { // the same every time
		state = state*6364136223846793005 + 1442695040888963407
		return int(state>>33) % n
	}
	offset, webOffset := int64(0), int64(0)
	for i := range 1_000_000 {
		at := began.Add(-time.Duration(1_000_000-i) * 3 * time.Second).Add(time.Duration(random(3_000_000)) * time.Microsecond)
		e := timeline.Event{Time: at, Desc: timeline.DescModified}
		switch i % 4 {
		case 0:
			e.Type, e.Source, e.Offset = "syslog:line", log, offset
			e.Message = fmt.Sprintf("[sshd, pid: %d] Failed password for invalid user user%d from 198.51.100.%d port %d ssh2", 800+random(30000), random(400), random(256), 1024+random(60000))
			e.Fields = []timeline.Field{timeline.Text("body", e.Message[8:]), timeline.Text("reporter", "sshd"), timeline.Int("pid", int64(random(30000)))}
			offset += int64(len(e.Message)) + 20
		case 1:
			e.Type, e.Source, e.Offset = "syslog:line", log, offset
			e.Message = fmt.Sprintf("[CRON, pid: %d] pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)", random(40000))
			offset += int64(len(e.Message)) + 20
		case 2:
			e.Type, e.Source, e.Offset = "apache:access_log:entry", web, webOffset
			e.Message = fmt.Sprintf(`http_request: GET /wiki/page-%d?session=%016x HTTP/1.1 from: 203.0.113.%d code: %d user_agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/%d.0`, random(5000), state, random(256), 200+random(5)*100, 100+random(30))
			e.Fields = []timeline.Field{timeline.Text("remote_ip", fmt.Sprintf("203.0.113.%d", random(256))), timeline.Text("http_request", e.Message[14:40])}
			webOffset += int64(len(e.Message)) + 12
		default:
			path := fmt.Sprintf("/srv/share/department-%d/project-%d/document-%d.docx", random(30), random(300), random(200000))
			e.Type, e.Source = "fs:stat", &timeline.Source{Host: "fs01", Path: pathOf(path), Parser: "filestat"}
			e.Message = path + " Type: file"
			e.Fields = []timeline.Field{timeline.Text("file_entry_type", "file"), timeline.Int("file_size", int64(random(1<<20))), timeline.Int("inode", int64(random(1<<20))), timeline.Int("mode", 420)}
		}
		b = append(e.AppendJSON(b), '\n')
	}
	return b
}

func pathOf(s string) artifacts.Path { return artifacts.Path(s) }

// zipped is the size of data by gzip, which is what the size of a page is held against.
func zipped(t testing.TB, data []byte) int {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}
