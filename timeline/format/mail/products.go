package mail

import (
	"strings"

	"spor/timeline/dates"
	"spor/timeline/textlog"
)

var say = textlog.Say

// kerioBegin reads "[09/Mar/2026 09:00:00] " of Kerio Connect's security, warning, error and mail logs (Kerio Connect
// Administrator's Guide, Logs): local time.
func kerioBegin(line string) (dates.Stamp, int, bool) {
	const day = len("[09/Mar/2026")
	if len(line) < day+12 || line[0] != '[' || line[day] != ' ' {
		return dates.Stamp{}, 0, false
	}
	s, n := dates.Apache(line[1:])
	return s, n + len("[] "), n > 0 && line[3] == '/' && strings.HasPrefix(line[1+n:], "] ")
}

// kerioSure asks for a sentence of its own: others write the date so, too.
func kerioSure(line string) bool {
	_, n, ok := kerioBegin(line)
	var f textlog.Fields
	return ok && f.Match(kerioSays, line[n:])
}

func kerio(e *textlog.Entry) {
	e.Match(kerioSays, e.Words())
	e.Add("body", e.Words())
	e.Message = e.Words()
}

var kerioSays = []textlog.Pattern{
	say("login_failed", "failure", "Failed {service@} login from {ip_address@} with SASL method {authentication_method@}"),
	say("login_failed", "failure", "Failed {service@} login from {ip_address@}"),
	say("login_failed", "failure", "{service@}: User {username*} doesn't exist. Attempt from IP address {ip_address@}"),
	say("login_failed", "failure", "{service@}: Invalid password for user {username*}. Attempt from IP address {ip_address@}"),
	say("login_failed", "failure", "Administration login into {service} from {ip_address@} failed: {reason}"),
	say("mail_refused", "failure", "Attempt to deliver to unknown recipient <{recipient}>, from <{sender}>, IP address {ip_address@}"),
	say("mail_refused", "failure", "Relay attempt from IP address {ip_address@}, mail from <{sender}> to <{recipient}> rejected"),
	say("mail_refused", "failure", "IP address {ip_address@} found in DNS blacklist {reason@}, mail from <{sender}> to <{recipient}>"),
	say("mail_refused", "failure", "SMTP Spam attack detected from {ip_address@}, {reason}"),
	say("mail_refused", "failure", "Message from IP address {ip_address@}, sender <{sender}> rejected: {reason}"),
	say("mail_refused", "failure", "Client with IP address {ip_address@} has no reverse DNS entry"),
	say("mail_received", "", "Recv: Queue-ID: {queue_identifier@}, Service: {service@}, From: <{sender}>, To: <{recipient}>, Size: {size#}, Sender-Host: {ip_address@}"),
	say("mail_received", "", "Recv: Queue-ID: {queue_identifier@}, Service: {service@}, From: <{sender}>, To: <{recipient}>, Size: {size#}"),
	say("mail_delivered", "", "Sent: Queue-ID: {queue_identifier@}, Recipient: <{recipient}>, Result: {status@}"),
}

// dominoBegin reads what HCL (IBM, Lotus) Domino writes to its console and console.log: "[28325:00010-3735542592] 09-03-2026
// 09:00:00   POP3 Server: ", days with hyphens or points in Europe's order, with strokes in America's.
func dominoBegin(line string) (dates.Stamp, int, bool) {
	at := 0
	if strings.HasPrefix(line, "[") {
		process, rest, ok := strings.Cut(line, "] ")
		if !ok || strings.Trim(process[1:], "0123456789ABCDEFabcdef:-") != "" {
			return dates.Stamp{}, 0, false
		}
		at = len(line) - len(rest)
	}
	read := dates.European
	if len(line) > at+2 && strings.IndexByte(line[at:min(len(line), at+3)], '/') > 0 {
		read = dates.American
	}
	s, n := read(line[at:])
	return s, at + n, n > 0 && strings.HasPrefix(line[at+n:], "   ")
}

// dominoSure asks for one of its tasks.
func dominoSure(line string) bool {
	_, n, ok := dominoBegin(line)
	task, _, ok2 := strings.Cut(strings.TrimLeft(line[n:], " "), ": ")
	return ok && ok2 && strings.HasSuffix(task, " Server")
}

func domino(e *textlog.Entry) {
	words := strings.TrimSpace(e.Words())
	e.Match(dominoSays, words)
	e.Add("body", words)
	e.Message = words
}

var dominoSays = []textlog.Pattern{
	say("login_failed", "failure", "{service} Server: Authentication failure for {username*}, connecting host {ip_address@}: {reason}"),
	say("login_failed", "failure", "{service} Server: Authentication failed for user {username*} ; connecting host {ip_address@}"),
	say("login", "success", "{service} Server: {username*} connected from {ip_address@}"),
	say("connection_opened", "", "{service} Server: {client_name} ({ip_address@}) connected"),
	say("connection_closed", "", "{service} Server: {client_name} ({ip_address@}) disconnected"),
	say("mail_received", "", "{service} Server: Message {message_identifier@} ({}) received"),
}
