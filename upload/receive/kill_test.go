package receive_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"spor/upload"
	"spor/upload/receive"
	"spor/upload/tus"
	"spor/upload/uploadtest"
)

// The test binary runs itself as sender and as receiver, so that they can be killed as processes are.
func TestMain(m *testing.M) {
	var err error
	switch role, args := os.Getenv("SPOR_TEST_ROLE"), os.Args[1:]; role {
	case "":
		os.Exit(m.Run())
	case "sender":
		err = sender(args)
	case "receiver":
		err = receiver(args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// sender takes url, pin, token, bytes per second, file; and prints where it went on.
func sender(args []string) error {
	dst, err := tus.New(args[0], tus.Options{PinSHA256: args[1], Token: args[2], Chunk: 700_000, Idle: 10 * time.Second})
	if err != nil {
		return err
	}
	rate, err := strconv.ParseInt(args[3], 10, 64)
	if err != nil {
		return err
	}
	res, err := upload.Send(context.Background(), dst, []upload.Source{upload.File(args[4])}, upload.Options{
		Rate: rate, MinWait: 20 * time.Millisecond, MaxWait: 200 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	_, err = fmt.Println(res[0].Resumed)
	return err
}

// receiver takes address and store; and prints a line when it listens.
func receiver(args []string) error {
	cert, _, err := receive.Certificate(args[1])
	if err != nil {
		return err
	}
	srv, err := receive.New(receive.Options{
		Store: args[1], Certificate: &cert, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Limits: receive.Limits{MinFree: -1},
	})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	fmt.Println("listening")
	return srv.Serve(context.Background(), ln)
}

// run starts this binary in a role.
func run(t *testing.T, role string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], args...)}
	p.cmd.Env = append(os.Environ(), "SPOR_TEST_ROLE="+role)
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.kill() })
	return p
}

type process struct {
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr strings.Builder
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func runReceiver(t *testing.T, addr, store string) *process {
	t.Helper()
	p := run(t, "receiver", addr, store)
	if _, err := p.stdout.ReadString('\n'); err != nil {
		_ = p.cmd.Wait()
		t.Fatalf("receiver: %v\n%s", err, &p.stderr)
	}
	return p
}

// TestKill9 kills sender and receiver at random moments. Whatever was killed is started again with the same command;
// then every upload has to be complete and equal.
func TestKill9(t *testing.T) {
	if testing.Short() {
		t.Skip("takes fifteen seconds of real time")
	}
	const rounds, size, rate = 12, 1_500_000, 2_500_000
	dir, store := t.TempDir(), t.TempDir()
	_, pin, err := receive.Certificate(store)
	if err != nil {
		t.Fatal(err)
	}
	token := newToken(t, store, "c1")
	addr := freeAddr(t)
	desk := runReceiver(t, addr, store)
	resumed, logged := 0, 0
	for i := range rounds {
		b, o := uploadtest.Content(fmt.Sprintf("%02d.pgp", i), size+i, uint64(i))
		file := filepath.Join(dir, o.Name)
		write(t, file, string(b))
		args := []string{"https://" + addr, pin, token, strconv.Itoa(rate), file}

		s := run(t, "sender", args...)
		time.Sleep(time.Duration(rand.IntN(700)) * time.Millisecond)
		s.kill()
		s = run(t, "sender", args...)
		for range 1 + i%2 {
			time.Sleep(time.Duration(rand.IntN(600)) * time.Millisecond)
			desk.kill()
			desk = runReceiver(t, addr, store)
		}
		line, _ := s.stdout.ReadString('\n')
		if err := s.cmd.Wait(); err != nil {
			t.Fatalf("round %d: the sender ended with %v: %s\nreceiver: %s", i, err, &s.stderr, &desk.stderr)
		}
		if at, _ := strconv.Atoi(strings.TrimSpace(line)); at > 0 {
			resumed++
		}
		got, err := os.ReadFile(filepath.Join(store, "c1", o.Name))
		if sum := sha256.Sum256(got); err != nil || hex.EncodeToString(sum[:]) != o.SHA256 {
			t.Errorf("round %d: %d bytes with SHA-256 %x, %v; want %d with %s", i, len(got), sum, err, o.Size, o.SHA256)
		}
		log, _ := os.ReadFile(filepath.Join(store, "receive.log.jsonl"))
		if strings.Contains(string(log), o.SHA256) {
			logged++
		}
	}
	if resumed == 0 || logged != rounds {
		t.Errorf("%d of %d rounds went on where the killed sender stood, %d are in the log; want some, and all", resumed, rounds, logged)
	}
	for _, name := range tree(t, store) {
		if strings.HasSuffix(name, ".part") || strings.HasSuffix(name, ".bad") {
			t.Errorf("left over: %s", name)
		}
	}
	t.Logf("%d sender kills, %d receiver kills, %d uploads resumed", rounds, rounds+rounds/2, resumed)
}

// TestThroughProxy sends by way of a CONNECT proxy that the environment names, to a host that only the proxy can find.
// It is a process of its own because net/http reads the environment once.
func TestThroughProxy(t *testing.T) {
	d := start(t, t.TempDir(), nil)
	asked := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		s, err := net.Dial("tcp", strings.TrimPrefix(d.url, "https://"))
		if err != nil {
			return
		}
		defer s.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(c, s) }()
		_, _ = io.Copy(s, c)
	}))
	defer proxy.Close()
	b, o := uploadtest.Content("a.pgp", 100_000, 1)
	file := filepath.Join(t.TempDir(), o.Name)
	write(t, file, string(b))
	t.Setenv("HTTPS_PROXY", proxy.URL)
	s := run(t, "sender", "https://cert.invalid:8443", d.pin, d.token(t, "c1"), "0", file)
	if err := s.cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, &s.stderr)
	}
	if got := <-asked; got != "CONNECT cert.invalid:8443" {
		t.Errorf("the proxy was asked %q", got)
	}
	if names := tree(t, d.store); len(names) != 2 {
		t.Errorf("the store has %q", names)
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// BenchmarkLoopback sends 64 MiB over TLS: hashed, sent, written, synced, read again, hashed again.
func BenchmarkLoopback(b *testing.B) {
	d := start(b, b.TempDir(), nil)
	content, o := uploadtest.Content("bench.pgp", 64<<20, 1)
	dst := d.destination(b, tus.Options{Token: d.token(b, "c1")})
	b.SetBytes(o.Size)
	for i := 0; b.Loop(); i++ {
		name := fmt.Sprintf("%d.pgp", i)
		if _, err := upload.Send(b.Context(), dst, []upload.Source{source(name, content)}, once); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := os.Remove(filepath.Join(d.store, "c1", name)); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
