package formats

import (
	"bytes"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"spor/timeline"
)

// textSamples are the text logs of the corpus.
func textSamples(t *testing.T) (names []string, texts [][]byte) {
	t.Helper()
	for _, dir := range []string{"applog", "auditd", "crowdsec-log", "fail2ban-log", "shell-history", "syslog", "wazuh-log", "weblog", "weblog-iis"} {
		filepath.WalkDir(filepath.Join(corpus(), dir), func(name string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() || strings.HasSuffix(name, ".gz") {
				return err
			}
			b, err := os.ReadFile(name)
			if err == nil && len(b) > 0 {
				names, texts = append(names, name), append(texts, b)
			}
			return err
		})
	}
	if len(texts) == 0 {
		t.Skip("SKIPPED: the corpus is not here")
	}
	return names, texts
}

func mutate(rnd *rand.Rand, b []byte) []byte {
	at := rnd.Intn(len(b))
	switch rnd.Intn(5) {
	case 0:
		return b[:at]
	case 1:
		return append(b[:at:at], b[rnd.Intn(at+1):]...)
	case 2:
		return append(append(b[:at:at], make([]byte, rnd.Intn(5000))...), b[at:]...)
	case 3:
		return append([]byte("\xff\xfe"), b...)
	default:
		b = bytes.Clone(b)
		for range 1 + rnd.Intn(20) {
			b[rnd.Intn(len(b))] ^= 1 << rnd.Intn(8)
		}
		return b
	}
}

// TestTextMutants gives spoilt logs of the corpus to the parser that knows them and to a random other: no panic, no hang,
// no memory without bound, and no more events than lines. SPOR_LONG=1 reads 10,000 of them.
func TestTextMutants(t *testing.T) {
	n := 300
	if os.Getenv("SPOR_LONG") != "" {
		n = 10_000
	}
	names, texts := textSamples(t)
	rnd := rand.New(rand.NewSource(1))
	var before, after runtime.MemStats
	slowest, known := time.Duration(0), 0
	for range n {
		i := rnd.Intn(len(texts))
		b := mutate(rnd, texts[i])
		formats := timeline.Formats{text()[rnd.Intn(len(text()))]}
		if f := text().Find(names[i], b[:min(len(b), timeline.HeadSize)]); f != nil {
			formats, known = append(formats, f), known+1
		}
		for _, f := range formats {
			runtime.ReadMemStats(&before)
			start, events := time.Now(), 0
			for _, err := range f.Parse(timeline.Input{Name: names[i], ModTime: time.Unix(1.7e9, 0), R: bytes.NewReader(b), Size: int64(len(b))}) {
				if err == nil {
					events++
				}
			}
			slowest = max(slowest, time.Since(start))
			runtime.ReadMemStats(&after)
			if lines := bytes.Count(b, []byte("\n")) + 1; events > lines {
				t.Errorf("%s on %s: %d events of %d lines", f.Name, names[i], events, lines)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20+100*uint64(len(b)) {
				t.Errorf("%s on %s: %d bytes allocated for %d", f.Name, names[i], grown, len(b))
			}
		}
	}
	if slowest > time.Minute {
		t.Errorf("one took %v", slowest)
	}
	t.Logf("%d mutants, %d of them known by their content, the slowest took %v", n, known, slowest)
}

// TestTextSniff asks that no parser but the right one knows the logs of the corpus that belong to another.
func TestTextSniff(t *testing.T) {
	names, texts := textSamples(t)
	got := map[string]string{}
	for i, b := range texts {
		if f := text().Find(names[i], b[:min(len(b), timeline.HeadSize)]); f != nil {
			got[filepath.Base(names[i])] = f.Name
		}
	}
	for name, want := range map[string]string{
		"audit_enriched.log": "auditd", "postgresql.log": "postgresql", "vsftpd.log": "vsftpd", "bash_history": "bash_history", ".viminfo_alt": "viminfo", "mysql-logs.log": "mysql",
		"suricata-logs-evelog.log": "suricata_eve", "suricata-logs-fastlog.log": "suricata_fast", "openvpn.log": "openvpn", "fortinet-vpn-bf.log": "fortigate", "proftpd-user-enum.log": "syslog",
		"iptables-scan-multi-port.log": "syslog", "sshesame.log": "", "exchange-imap-bf.log": "", "skydriveerr.log": "", "windows-bf.log": "", "syslog_rsyslog": "syslog", "http-generic-test.log": "apache_access",
		"grafana-logs.log": "", "gitlab-logs.log": "webserver_json", "apache_access.log": "apache_access", "iis.log": "w3c", "iis_without_date.log": "w3c", "caddy_json.log": "webserver_json", "haproxy-logs.log": "syslog", "http-wordpress_wpconfig.log": "syslog",
		"modsecurity-nginx.log": "nginx_error", "confluence_access_post7.11.log": "confluence_access", "squid": "",
	} {
		if got[name] != want {
			t.Errorf("%s is known as %q, want %q", name, got[name], want)
		}
	}
}

// TestCarriedRequests asks that requests that came by syslog have the shape of all others.
func TestCarriedRequests(t *testing.T) {
	names, texts := textSamples(t)
	want := map[string]int{"http-wordpress_wpconfig.log": 14, "haproxy-logs.log": 1}
	got := map[string]int{}
	for i, b := range texts {
		name := filepath.Base(names[i])
		if want[name] == 0 {
			continue
		}
		for e, err := range text().Find(name, b[:min(len(b), timeline.HeadSize)]).Parse(timeline.Input{Name: name, R: bytes.NewReader(b), Size: int64(len(b))}) {
			if err == nil && e.Type == "webserver:access" {
				got[name]++
			}
		}
	}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s: %d requests, want %d", name, got[name], n)
		}
	}
}
