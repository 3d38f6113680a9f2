package edge

import (
	"strings"

	"spor/timeline/dates"
	"spor/timeline/textlog"
)

// sonicBegin reads `id=firewall sn=0040103CE114 time="2026-03-09 09:00:00 UTC" fw=192.0.2.1 …` (SonicOS 7 Log Events
// Reference Guide, syslog in the default format): the serial number is what other logs of the form have not.
func sonicBegin(line string) (dates.Stamp, int, bool) {
	s := strings.TrimLeft(behindPriority(line), " ")
	if !strings.HasPrefix(s, "id=") || !strings.Contains(s[:min(len(s), 120)], " sn=") {
		return dates.Stamp{}, 0, false
	}
	_, rest, ok := strings.Cut(s, ` time="`)
	stamp, n := dates.ISO(rest)
	return stamp, len(line) - len(s), ok && n > 0
}

// sonicNames are the keys that become fields.
var sonicNames = map[string]string{
	"sn": "device_identifier", "fw": "device_address", "m": "message_number", "msg": "detail", "note": "note", "usr": "username", "user": "username", "proto": "protocol", "fw_action": "event_action", "rule": "rule",
	"srcZone": "source_zone", "dstZone": "destination_zone", "natSrc": "nat_ip", "srcMac": "mac_address", "sent": "bytes_sent", "rcvd": "bytes_received", "arg": "url", "dstname": "url_host", "op": "http_request_method", "result": "http_response_code",
	"catid": "category", "spycat": "category", "ipscat": "category", "virus": "threat_name", "ipspri": "severity", "sess": "session_kind", "reason": "reason",
}

// sonicSays are the words of messages (msg) that tell what was done, those of a refusal first.
var sonicSays = []struct{ words, and, action, result string }{
	{"login", "denied", "login_failed", "failure"},
	{"login", "failed", "login_failed", "failure"},
	{"login", "allowed", "login", "success"},
	{"logged out", "", "logout", ""},
	{"dropped", "", "packet_refused", "failure"},
	{"Connection Opened", "", "connection_opened", ""},
	{"Connection Closed", "", "connection_closed", ""},
	{"Attack", "", "alert", ""},
	{"Virus", "", "malware_found", ""},
}

// did adds what a message says was done.
func did(e *textlog.Entry, said string) {
	for _, s := range sonicSays {
		if strings.Contains(said, s.words) && strings.Contains(said, s.and) {
			e.Did(s.action, s.result)
			return
		}
	}
}

func sonic(e *textlog.Entry) {
	words := e.Words()
	for k, v := range textlog.Pairs(words) {
		name := sonicNames[k]
		switch {
		case k == "src" || k == "dst":
			address, port := "ip_address", "port"
			if k == "dst" {
				address, port = "destination_ip", "destination_port"
			}
			sonicEnd(e, v, address, port)
		case k == "time":
			e.Stamp, _ = dates.ISO(v)
		case k == "msg":
			did(e, v)
			e.Add(name, v)
		case k == "m" || name == "bytes_sent" || name == "bytes_received" || name == "http_response_code":
			e.Digits(name, v)
		case name != "":
			e.Add(name, v)
		}
	}
	e.Message = pick(e, words, "detail", "note")
}

// sonicEnd reads "192.0.2.7:54606:X1", "192.0.2.7:54606:X1:name", "192.0.2.7" and "[2001:db8::7]:5:X1".
func sonicEnd(e *textlog.Entry, v, address, port string) {
	host, rest, _ := strings.Cut(v, ":")
	if inner, after, ok := strings.Cut(strings.TrimPrefix(v, "["), "]"); ok && strings.HasPrefix(v, "[") {
		host, rest = inner, strings.TrimPrefix(after, ":")
	}
	number, _, _ := strings.Cut(rest, ":")
	e.Add(address, host)
	e.Digits(port, number)
}
