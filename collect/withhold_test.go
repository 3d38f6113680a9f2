package collect

import (
	"strings"
	"testing"

	"spor/artifacts"
)

func TestSecretsAreWithheldByNameAndContent(t *testing.T) {
	host := func() *artifacts.Host {
		return linux(tree{
			"/named":   file("no key"),
			"/key":     file("# mine\n-----BEGIN OPENSSH PRIVATE KEY-----\nx"),
			"/cert":    file("-----BEGIN CERTIFICATE-----\nx"),
			"/script":  file("grep -r 'BEGIN RSA PRIVATE KEY' /\n"),
			"/history": file(strings.Repeat("ls\n", keySize) + "-----BEGIN RSA PRIVATE KEY-----"),
		})
	}
	opts := options()
	opts.Withhold = func(p artifacts.Path) string {
		if p == "/named" {
			return "secret"
		}
		return ""
	}
	for _, tt := range []struct {
		secrets bool
		want    string
	}{
		{false, `a /named skipped: secret
a /key skipped: holds a private key: taken only with --include-secrets
a /cert collected: 
a /script collected: 
a /history collected: 
`},
		{true, `a /named collected: 
a /key collected: 
a /cert collected: 
a /script collected: 
a /history collected: 
`},
	} {
		opts.Secrets = tt.secrets
		sink := &shelf{}
		report, err := Run(t.Context(), host(), []*artifacts.Collector{taking("a", "/named", "/key", "/cert", "/script", "/history")}, sink, opts)
		if err != nil {
			t.Fatal(err)
		}
		if got := say(report.Outcomes.List()); got != tt.want {
			t.Errorf("secrets %v: got\n%s\nwant\n%s", tt.secrets, got, tt.want)
		}
		if got := sink.content[len(sink.content)-2]; got != "grep -r 'BEGIN RSA PRIVATE KEY' /\n" {
			t.Errorf("a file that was looked into is not whole: %q", got)
		}
	}
}

func FuzzHoldsKey(f *testing.F) {
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----"))
	f.Add([]byte("AGE-SECRET-KEY-1"))
	f.Fuzz(func(t *testing.T, head []byte) {
		if HoldsKey(head) && !HoldsKey(append([]byte("x\n"), head...)) {
			t.Errorf("%q is a key, and none once a line stands before it", head)
		}
	})
}
