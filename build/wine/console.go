package wine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"
)

// An Act is something that a person does at a console: one of these.
type Act struct {
	Type  string `json:",omitempty"` // text; "\n" is the Enter key
	CtrlC bool   `json:",omitempty"`
	Close bool   `json:",omitempty"` // the window: the program is told, and has some time
	Kill  bool   `json:",omitempty"` // the process that draws the window, and with it all programs in it
}

// Seen is what a person at a console sees.
type Seen struct {
	Screen string // all lines that were written, down to the cursor
	Ended  bool   // the program has
	Code   int    // its exit code, then
}

// A Console is a program that runs in a console window with somebody at it, 80 letters wide. testdata/attended is that person.
type Console struct {
	cmd    *exec.Cmd
	acts   io.WriteCloser
	stderr bytes.Buffer
	over   chan struct{} // closed: nothing more will be seen

	mu   sync.Mutex
	seen Seen
}

// BuildAttended builds the program that starts others in a console, as exe.
func BuildAttended(t testing.TB, exe string) {
	t.Helper()
	Build(t, exe, "build", "-o", exe, "./build/wine/testdata/attended")
}

// Console starts a program in a console of its own. The variables in env must name a DISPLAY: a console is a window. The
// attended program is the one that BuildAttended makes.
func (r *Rig) Console(ctx context.Context, env []string, attended, exe string, args ...string) (*Console, error) {
	c := &Console{cmd: r.Command(ctx, env, attended, append([]string{exe}, args...)...), over: make(chan struct{})}
	c.cmd.Stderr = &c.stderr
	var err error
	if c.acts, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("wine %s: %w", attended, err)
	}
	go c.watch(out)
	return c, nil
}

// watch takes what is seen, to its end.
func (c *Console) watch(out io.Reader) {
	defer close(c.over)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var seen Seen
		if json.Unmarshal(lines.Bytes(), &seen) == nil {
			c.mu.Lock()
			c.seen = seen
			c.mu.Unlock()
		}
	}
}

// Shown is what stands on the screen, with what was scrolled away.
func (c *Console) Shown() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen.Screen
}

// Do does something at the console. Its error says that nobody is there any more.
func (c *Console) Do(act Act) error { return json.NewEncoder(c.acts).Encode(act) }

// Wait waits for the end of the program. Its error says that it has no exit code: it was ended with its console, or nothing
// could be started at all.
func (c *Console) Wait() (code int, err error) {
	<-c.over
	_ = c.acts.Close()
	if err := c.cmd.Wait(); err != nil {
		return -1, fmt.Errorf("%w: %s", err, c.stderr.Bytes())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.seen.Ended {
		return -1, fmt.Errorf("ended with its console")
	}
	return c.seen.Code, nil
}
