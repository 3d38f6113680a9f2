package detect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"spor/timeline"
)

var logged = time.Date(2026, 3, 9, 9, 0, 0, 0, time.UTC)

// event has fields of texts, "name=value".
func event(at time.Time, fields ...string) *timeline.Event {
	e := &timeline.Event{Time: at, Type: "syslog:line", Message: "m", Source: &timeline.Source{Path: "/var/log/auth.log"}}
	for _, f := range fields {
		name, v, _ := strings.Cut(f, "=")
		e.Fields = append(e.Fields, timeline.Text(name, v))
	}
	return e
}

func names(d *Detector) string {
	var out []string
	for _, f := range d.Findings() {
		out = append(out, string(f.Severity)+" "+f.Rule)
	}
	return strings.Join(out, ", ")
}

func TestLogRules(t *testing.T) {
	tests := []struct {
		fields string
		want   string
	}{
		{"action=login|authentication_result=success|username=root|ip_address=203.0.113.9|authentication_method=publickey", "medium root-from-outside"},
		{"action=login|authentication_result=success|username=root|ip_address=10.0.0.9|authentication_method=publickey", ""},
		{"action=login|authentication_result=success|username=root|ip_address=fe80::1", ""},
		{"action=login|authentication_result=success|username=ann|ip_address=203.0.113.9", ""},
		{"action=login|authentication_result=success|username=root|ip_address=203.0.113.9|authentication_method=password", "high ssh-root-password"},
		{"action=audit_disabled|authentication_result=success|audit_login_identifier=0", "high audit-disabled"},
		{"action=audit_disabled|authentication_result=failure", ""},
		{"action=command|command=history -c", "medium traces-removed"},
		{"action=sudo|authentication_result=success|username=eve|command=/usr/bin/rm -rf /var/log/nginx", "medium traces-removed"},
		{"action=sudo|authentication_result=failure|username=eve|command=/usr/bin/rm -rf /var/log/nginx", ""},
		{"action=command|command=less /var/log/syslog", ""},
		{"action=process_started|command=systemctl --now disable auditd.service", "high protection-stopped"},
		{"action=command|command=systemctl status auditd", ""},
		{"action=package_removed|package=auditd", "medium protection-package-removed"},
		{"action=package_removed|package=audacity", ""},
		{"action=user_added|username=eve|user_identifier=0", "high root-account-added"},
		{"action=user_added|username=eve|user_identifier=1001", ""},
		{"action=user_added|username=eve|user_identifier=0|journal_user_identifier=0", "high root-account-added"},
		{"action=malware_found|filename=/tmp/x|threat_name=Eicar", "medium antivirus-found"},
		{"action=packet|ip_address=203.0.113.9", ""},
	}
	for _, tt := range tests {
		d := &Detector{}
		e := event(logged, strings.Split(tt.fields, "|")...)
		if strings.Contains(tt.fields, "journal_") {
			e.Type = "systemd:journal"
		}
		d.Event(e)
		if got := names(d); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.fields, got, tt.want)
		}
	}
}

func TestGuessedPassword(t *testing.T) {
	for _, tt := range []struct {
		failures int
		later    time.Duration
		method   string
		address  string
		want     string
	}{
		{10, time.Minute, "keyboard-interactive", "192.0.2.7", "high guessed-password"},
		{9, time.Minute, "keyboard-interactive", "192.0.2.7", ""},
		{10, 3 * time.Hour, "keyboard-interactive", "192.0.2.7", ""},
		{10, time.Minute, "publickey", "192.0.2.7", ""},
		{10, time.Minute, "keyboard-interactive", "192.0.2.8", ""},
	} {
		d := &Detector{}
		for i := range tt.failures {
			d.Event(event(logged.Add(time.Duration(i)*time.Second), "action=login_failed", "ip_address=192.0.2.7"))
		}
		d.Event(event(logged.Add(tt.later), "action=login", "authentication_result=success", "username=ann", "ip_address="+tt.address, "authentication_method="+tt.method))
		if got := names(d); got != tt.want {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
}

// TestLoginRecords leaves to the logs what wtmp and btmp tell of the same logins: they do not say by which method.
func TestLoginRecords(t *testing.T) {
	d := &Detector{}
	for i := range 20 {
		e := event(logged.Add(time.Duration(i)*time.Second), "action=login_failed", "ip_address=203.0.113.7")
		e.Type = "linux:utmp:event"
		d.Event(e)
	}
	e := event(logged.Add(time.Minute), "action=login", "authentication_result=success", "username=root", "ip_address=203.0.113.7")
	e.Type = "linux:utmp:event"
	d.Event(e)
	if got := names(d); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestLogGap(t *testing.T) {
	source := &timeline.Source{Path: "/var/log/syslog"}
	for _, tt := range []struct {
		silence time.Duration
		boot    bool
		want    string
	}{
		{20 * time.Hour, false, "low log-gap"},
		{20 * time.Hour, true, ""},
		{11 * time.Hour, false, ""},
	} {
		d, at := &Detector{}, logged
		for i := range 1000 {
			at = at.Add(time.Minute)
			if i == 700 {
				at = at.Add(tt.silence)
			}
			e := event(at, fmt.Sprintf("body=%d", i))
			e.Source = source
			if tt.boot && i == 705 {
				e.Fields = append(e.Fields, timeline.Text("action", "boot"))
			}
			d.Event(e)
		}
		if got := names(d); got != tt.want {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
}

// TestWatchersAreBounded gives watchers more addresses and logs than they may remember.
func TestWatchersAreBounded(t *testing.T) {
	d := &Detector{}
	for i := range 3 * maxAddresses {
		d.Event(event(logged, "action=login_failed", fmt.Sprintf("ip_address=10.%d.%d.%d", i>>16, i>>8&255, i&255)))
	}
	if got := names(d); got != "" {
		t.Errorf("got %q", got)
	}
}
