package report

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A browser is a headless Chromium that is driven over a pipe by its DevTools protocol
// (chromedevtools.github.io/devtools-protocol): JSON messages, each ended by a zero byte, on descriptors 3 and 4.
type browser struct {
	t       testing.TB
	to      io.WriteCloser
	from    *bufio.Reader
	answers *os.File // under from
	last    int
	session string
	heard   []message // events, in order
}

// patience is how long a browser may keep silent, on a machine however busy, before it is taken for dead.
const patience = 2 * time.Minute

type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

// newBrowser starts one with an empty tab, or skips the test where there is none.
func newBrowser(t testing.TB) *browser {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("SKIPPED: no Chromium here, so the page was not tried in a browser")
	}
	in, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking",
		"--user-data-dir="+t.TempDir(), "--window-size=1280,900", "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{in, out}
	if err := cmd.Start(); err != nil {
		t.Skipf("SKIPPED: Chromium does not start, so the page was not tried in a browser: %v", err)
	}
	in.Close()
	out.Close()
	b := &browser{t: t, to: ours, from: bufio.NewReaderSize(answers, 1<<20), answers: answers}
	t.Cleanup(func() {
		b.session = ""
		fmt.Fprintf(ours, `{"id":1000000,"method":"Browser.close"}`+"\x00")
		ended := make(chan struct{})
		go func() { cmd.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
		ours.Close()
		answers.Close()
	})
	var target struct {
		TargetID string `json:"targetId"`
	}
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Network", "Log"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// call sends a command and waits for its answer.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	b.last++
	request := map[string]any{"id": b.last, "method": method}
	if params != nil {
		request["params"] = params
	}
	if b.session != "" {
		request["sessionId"] = b.session
	}
	j, err := json.Marshal(request)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(j, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		m := b.read(method)
		if m.ID != b.last {
			b.heard = append(b.heard, m)
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

func (b *browser) read(waiting string) message {
	b.t.Helper()
	b.answers.SetReadDeadline(time.Now().Add(patience))
	line, err := b.from.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("waiting for %s: %v", waiting, err)
	}
	var m message
	if err := json.Unmarshal(line[:len(line)-1], &m); err != nil {
		b.t.Fatal(err)
	}
	return m
}

// eval runs an expression in the page, waits for its promise, and reads its value.
func (b *browser) eval(expression string, into any) {
	b.t.Helper()
	var answer struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception json.RawMessage `json:"exceptionDetails"`
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &answer)
	if answer.Exception != nil {
		b.t.Fatalf("%s: %s", expression, answer.Exception)
	}
	if into != nil {
		if err := json.Unmarshal(answer.Result.Value, into); err != nil {
			b.t.Fatalf("%s gives %s: %v", expression, answer.Result.Value, err)
		}
	}
}

func (b *browser) text(expression string) string {
	b.t.Helper()
	var s string
	b.eval("String("+expression+")", &s)
	return s
}

// until waits until an expression is true.
func (b *browser) until(expression string) {
	b.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var ok bool
		if b.eval("Boolean("+expression+")", &ok); ok {
			return
		}
	}
	b.t.Fatalf("never true: %s; status %q", expression, b.text(`document.getElementById("viewer-status")?.textContent`))
}

// open goes to a page on disk and waits for the viewer; it gives how long that took from the beginning of the navigation.
func (b *browser) open(name string) time.Duration {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": "file://" + name}, nil)
	b.until(`document.getElementById("viewer")?.dataset.ready`)
	var ms float64
	b.eval(`Number(document.getElementById("viewer").dataset.ready)`, &ms)
	return time.Duration(ms) * time.Millisecond
}

// cpu is how much processor time the page's process has had.
func (b *browser) cpu() time.Duration {
	b.t.Helper()
	var got struct {
		Metrics []struct {
			Name  string  `json:"name"`
			Value float64 `json:"value"` // seconds
		} `json:"metrics"`
	}
	b.call("Performance.getMetrics", nil, &got)
	for _, m := range got.Metrics {
		if m.Name == "ProcessTime" {
			return time.Duration(m.Value * float64(time.Second))
		}
	}
	b.t.Fatal("the browser tells no processor time")
	return 0
}

// set changes a control of the viewer as a person would.
func (b *browser) set(id, value string) {
	b.t.Helper()
	b.eval(fmt.Sprintf(`{const x = document.getElementById(%q); x.value = %q; x.dispatchEvent(new Event(x.tagName === "INPUT" ? "input" : "change"))}`, id, value), nil)
}

// took sets a control and gives the milliseconds that the filter then took.
func (b *browser) took(id, value string) (ms float64) {
	b.t.Helper()
	b.eval(`delete document.getElementById("viewer").dataset.took`, nil)
	b.set(id, value)
	b.until(`document.getElementById("viewer").dataset.took`)
	b.eval(`Number(document.getElementById("viewer").dataset.took)`, &ms)
	return ms
}

func (b *browser) key(name string, modifiers int) {
	b.t.Helper()
	for _, kind := range []string{"rawKeyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": name, "modifiers": modifiers}, nil)
	}
}

func (b *browser) mouse(kind string, x, y float64) {
	b.t.Helper()
	b.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}, nil)
}

// picture writes what is seen into the folder that SPOR_SCREENSHOTS names, for a person to look at.
func (b *browser) picture(name string) {
	b.t.Helper()
	folder := os.Getenv("SPOR_SCREENSHOTS")
	if folder == "" {
		return
	}
	var shot struct {
		Data string `json:"data"`
	}
	b.call("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	b.keep(filepath.Join(folder, name+".png"), shot.Data)
}

func (b *browser) keep(name, coded string) {
	b.t.Helper()
	data, err := base64.StdEncoding.DecodeString(coded)
	if err == nil {
		err = os.WriteFile(name, data, 0o644)
	}
	if err != nil {
		b.t.Error(err)
	}
}

// quiet checks that the page asked for nothing but itself and what it was given in data, and that nothing went wrong.
func (b *browser) quiet() {
	b.t.Helper()
	b.text("1") // so that all that happened before was heard
	for _, m := range b.heard {
		var p struct {
			Request struct {
				URL string `json:"url"`
			} `json:"request"`
		}
		json.Unmarshal(m.Params, &p)
		switch m.Method {
		case "Network.requestWillBeSent":
			if !strings.HasPrefix(p.Request.URL, "file:///") && !strings.HasPrefix(p.Request.URL, "data:") || strings.Contains(p.Request.URL, "favicon") {
				b.t.Errorf("the page asks for %s", p.Request.URL)
			}
		case "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Page.javascriptDialogOpening":
			b.t.Errorf("%s: %s", m.Method, m.Params)
		}
	}
	b.heard = nil
}
