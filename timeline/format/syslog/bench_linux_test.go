package syslog

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spor/timeline"
)

// cpu is the processor time of this process.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// logLines are what a server's logs hold, in about the same shares.
func logLines(n int) string {
	kinds := []string{
		"sshd[4711]: Failed password for invalid user admin from 192.0.2.77 port 50022 ssh2",
		"sshd[4712]: Accepted publickey for alice from 192.0.2.7 port 50022 ssh2: ED25519 SHA256:v3dpapGleDaUKf4V1vKyR9ZyUgjaJAmoCTcb2PLljI",
		"CRON[991]: (root) CMD (test -x /usr/sbin/anacron || run-parts --report /etc/cron.hourly)",
		"systemd[1]: Started Session 4212 of User alice.",
		"kernel: [82508.100168] [UFW BLOCK] IN=ens2 OUT= MAC=de:1c:88:64:10:19:5e:e1:a4:3b:cf:f0:08:00 SRC=62.34.17.168 DST=10.73.140.49 LEN=44 TOS=0x00 PREC=0x00 TTL=43 ID=25313 PROTO=TCP SPT=52220 DPT=80 WINDOW=1024 RES=0x00 SYN URGP=0",
		"dhclient[612]: DHCPREQUEST for 10.1.1.9 on eth0 to 10.1.1.1 port 67",
		"postfix/smtpd[26897]: connect from unknown[192.0.2.9]",
		"named[88]: client @0x7f1 192.0.2.5#5353 (example.com): query (cache) 'example.com/A/IN' denied",
	}
	var b strings.Builder
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		b.WriteString(at.Add(time.Duration(i) * time.Second / 4).Format(time.Stamp))
		b.WriteString(" web01 ")
		b.WriteString(kinds[i%len(kinds)])
		b.WriteByte('\n')
	}
	return b.String()
}

// BenchmarkParse is the whole way from the bytes of a file to its events.
func BenchmarkParse(b *testing.B) {
	for _, kind := range []string{"mixed", "rfc3339", "zone"} {
		text := logLines(200_000)
		in := timeline.Input{ModTime: modified}
		switch kind {
		case "rfc3339":
			lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
			for i := range lines {
				lines[i] = "2026-01-02T15:04:05.123456+01:00" + lines[i][len(time.Stamp):]
			}
			text = strings.Join(lines, "\n")
		case "zone":
			in.Zone, _ = time.LoadLocation("Europe/Oslo")
		}
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			start := cpu(b)
			for b.Loop() {
				n := 0
				in.R = strings.NewReader(text)
				for _, err := range Format.Parse(in) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != 200_000 {
					b.Fatal(n)
				}
			}
			b.ReportMetric(float64(b.N)*float64(len(text))/1e6/(cpu(b)-start).Seconds(), "MB/cpu-s")
		})
	}
}
