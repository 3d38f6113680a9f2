package e2e

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spor/build/kit"
)

// A sending is the folder of a kit that names a receiver, and that receiver.
type sending struct {
	program, out, private string
	store                 string // of the case
	receiver              *running
	listen                string
	root                  string // of the receiver
}

// startSending makes a kit that sends, and a receiver for it.
func startSending(t *testing.T, options ...string) *sending {
	t.Helper()
	dir := t.TempDir()
	public, private := keys(t, dir)
	s := &sending{private: private, out: t.TempDir(), root: filepath.Join(dir, "store")}
	receiver, err := startReceiver(s.root, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.receiver = receiver
	t.Cleanup(func() { s.receiver.stop() })
	s.listen = strings.Split(receiver.url, "/")[2]
	folder := filepath.Join(dir, "kit")
	must(t, dir, []int{0}, "spor-desk", append([]string{
		"kit", "--recipient", public, "--sign-key", private, "--case", "2026-017", "--store", s.root, "--upload", receiver.url,
		"--contact-phone", "+354 555 0199", "--agent", filepath.Join(bin, "spor"), "--out", folder,
	}, options...)...)
	s.program, s.store = filepath.Join(folder, "spor"), filepath.Join(s.root, "2026-017")
	return s
}

// back starts the receiver again, where it was.
func (s *sending) back(t *testing.T) {
	t.Helper()
	receiver, err := startReceiver(s.root, s.listen)
	if err != nil {
		t.Fatal(err)
	}
	s.receiver = receiver
}

// much is a folder that takes a while, so that something can happen amid it.
func much(t *testing.T) string {
	t.Helper()
	slow := filepath.Join(t.TempDir(), "slow")
	if err := os.Mkdir(slow, 0o700); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 8<<20)
	rand.Read(b)
	for i := range 24 {
		b[0] = byte(i) // or it is the same content again
		write(t, filepath.Join(slow, fmt.Sprintf("file%02d.log", i)), string(b), 0o600)
	}
	return slow
}

// says holds that a text stands on the screen however it was broken into lines.
func (p *person) says(texts ...string) {
	p.t.Helper()
	all := strings.Join(strings.Fields(p.shown()), " ")
	for _, text := range texts {
		if !strings.Contains(all, text) {
			p.t.Errorf("no %q in\n%s", text, p.shown())
		}
	}
}

// TestGuidedSent: a kit that sends: what is sent is said and is there, also where the receiver is away at first.
func TestGuidedSent(t *testing.T) {
	for _, s := range []struct{ number, to, waits, arrived, keep string }{
		{"1", "er það sent til https://127.0.0.1", "Viðtakandinn svarar ekki", "Hún var send og viðtakandinn hefur staðfest það.", "Geymið skrárnar (.pgp) þar til"},
		{"2", "sendes det til https://127.0.0.1", "Mottakeren svarer ikke", "Det er sendt, og mottakeren har bekreftet det.", "Ta vare på filene (.pgp) til"},
		{"3", "it is sent to https://127.0.0.1", "The receiver does not answer", "It was sent, and the receiver has confirmed it.", "Keep the files (.pgp) until"},
	} {
		k := startSending(t)
		k.receiver.kill()
		x := atTerminal(t, one(k.out), k.program)
		x.types(s.number, "", "555 0100", ">", "", "")
		x.until(s.waits)
		k.back(t)
		if code := x.ends(); code != 0 {
			t.Errorf("ended with %d\n%s", code, x.shown())
		}
		x.says(s.to, s.arrived, s.keep, k.out)
		form, _ := sealedForm(t, k.store, k.private)
		if form.Contact.Phone != "555 0100" {
			t.Errorf("the form says %+v", form)
		}
	}
}

// TestGuidedNotSent: a receiver that stays away, and a person who does not wait for it: both end with a bundle that is kept, in
// words.
func TestGuidedNotSent(t *testing.T) {
	k := startSending(t)
	k.receiver.kill()
	for name, leave := range map[string]func(x *terminal){
		"the patience ends": func(*terminal) {},
		"Ctrl-C and yes": func(x *terminal) {
			x.until("The receiver does not answer")
			x.key("\x03")
			x.until("Stop sending?")
			x.until("go on")
			x.key("y\n")
		},
	} {
		out := t.TempDir()
		env := append(one(out), "SPOR_PATIENCE=1h")
		if name == "the patience ends" {
			env = append(env, "SPOR_PATIENCE=1s")
		}
		x := atTerminal(t, env, k.program)
		x.types("3", "", "555 0100", ">", "", "")
		leave(x)
		if code := x.ends(); code != 4 {
			t.Errorf("%s: ended with %d\n%s", name, code, x.shown())
		}
		x.says("It was NOT sent.", "spor upload FILE", "+354 555 0199", out)
		if strings.Contains(x.shown(), "spor: warning") || strings.Contains(x.shown(), "It was sent") {
			t.Errorf("%s: shown\n%s", name, x.shown())
		}
		if form, _ := sealedForm(t, out, k.private); form.Contact.Phone != "555 0100" {
			t.Errorf("%s: the form says %+v", name, form)
		}
	}
}

// TestGuidedStreamed: a kit that streams: the receiver goes away amid it and comes back, and nothing is left on the machine.
func TestGuidedStreamed(t *testing.T) {
	k := startSending(t, "--stream")
	x := atTerminal(t, append(one(k.out), "SPOR_ONLY=none", "SPOR_TAKE="+much(t)), k.program)
	x.types("1", "", "555 0100", ">")
	x.types("") // no folder is asked for
	x.until("Safna gögnum af")
	k.receiver.kill()
	x.until("Viðtakandinn svarar ekki")
	k.back(t)
	if code := x.ends(); code != 0 {
		t.Errorf("ended with %d\n%s", code, x.shown())
	}
	x.says("Það er sent beint til https://127.0.0.1", "ekkert er skrifað á disk", "Niðurstaðan var send beint til viðtakandans undir þessu heiti:", "Hún var send og viðtakandinn hefur staðfest það.")
	if strings.Contains(x.shown(), "Geymið skrárnar") {
		t.Errorf("there is no file to keep:\n%s", x.shown())
	}
	left := append(glob(t, filepath.Join(k.out, "*")), glob(t, filepath.Join(filepath.Dir(k.program), "*.pgp*"))...)
	if len(left) > 0 {
		t.Errorf("left %v", left)
	}
	must(t, k.store, []int{0}, "spor-desk", append([]string{"verify", "--key", k.private}, glob(t, filepath.Join(k.store, "*.pgp"))...)...)
}

// TestGuidedStreamLost: where a receiver takes nothing any more, a kit that streams says so in the person's language.
func TestGuidedStreamLost(t *testing.T) {
	k := startSending(t, "--stream")
	k.receiver.kill()
	env := []string{"SPOR_ONLY=clock", "LANG=C.UTF-8", "TERM=xterm", "SPOR_PATIENCE=1s"}
	x := atTerminal(t, env, k.program)
	x.types("2", "", "555 0100", ">", "")
	if code := x.ends(); code != 1 {
		t.Errorf("ended with %d\n%s", code, x.shown())
	}
	x.says("Dette gikk ikke: mottakeren tar ikke imot mer", "Sjekk nettet", "+354 555 0199", "det er ikke mulig å nå mottakeren")
	if strings.Contains(x.shown(), "hint:") || strings.Contains(x.shown(), "--out") {
		t.Errorf("not for this person:\n%s", x.shown())
	}

	x = atTerminal(t, append(env, "SPOR_OUT="+k.out), k.program) // with a folder to fall back on
	x.types("2", "", "555 0100", ">", "")
	if code := x.ends(); code != 4 {
		t.Errorf("ended with %d\n%s", code, x.shown())
	}
	x.says("det er ikke mulig å nå mottakeren", "alt samles inn en gang til, i "+k.out, "Det er IKKE sendt.")
	if form, _ := sealedForm(t, k.out, k.private); form.Contact.Phone != "555 0100" || strings.Contains(x.shown(), "the receiver") {
		t.Errorf("the form says %+v\n%s", form, x.shown())
	}
}

// TestGuidedRefused: a kit that cannot be used is refused in the person's language, before a question is asked.
func TestGuidedRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(kit []byte) []byte
		says  string
	}{
		"altered": {func(b []byte) []byte { return []byte(strings.Replace(string(b), "2026-017", "2026-018", 1)) }, "spor.kit er skemmd eða henni hefur verið breytt."},
		"expired": {func([]byte) []byte { return expiredKit(t) }, "spor.kit er útrunnin."},
	} {
		program, out, _ := guidedKit(t, "is")
		file := filepath.Join(filepath.Dir(program), "spor.kit")
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, string(c.spoil(b)), 0o600)
		x := atTerminal(t, one(out), program)
		x.types("1")
		if code := x.ends(); code != 2 {
			t.Errorf("%s: ended with %d\n%s", name, code, x.shown())
		}
		x.says("Þetta tókst ekki: "+c.says, "Ekkert hefur verið lesið á þessari vél og engu breytt.")
	}
}

// expiredKit is an unsigned kit of yesteryear.
func expiredKit(t *testing.T) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"format": kit.Format, "case": "2026-017", "recipients": []string{}, "made": "2020-01-01T00:00:00Z", "expires": "2020-02-01T00:00:00Z"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
