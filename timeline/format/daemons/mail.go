package daemons

import (
	"strings"

	"spor/timeline/textlog"
)

// postfix reads the words of Postfix 3.8 (src/smtpd, cleanup, qmgr, smtp, local, pickup, postscreen): a queue identifier
// and pairs, or a sentence about a client.
func postfix(f *textlog.Fields, words string) {
	words = strings.TrimPrefix(words, "warning: ")
	id, rest, ok := strings.Cut(words, ": ")
	if ok && isQueueID(id) {
		if id != "NOQUEUE" {
			f.Add("queue_identifier", id)
		}
		queued(f, rest)
		return
	}
	sasl := strings.Index(words, ": SASL ")
	switch {
	case sasl > 0 && strings.IndexByte(words[:sasl], ' ') < 0: // behind a client's name and address alone
		f.Did("login_failed", "failure")
		client(f, words[:sasl])
		method, reason, _ := strings.Cut(words[sasl+len(": SASL "):], " authentication failed: ")
		f.Add("authentication_method", method)
		reason, user, _ := strings.Cut(reason, ", sasl_username=")
		f.Add("reason", reason)
		f.Add("username", user)
	default:
		f.Match(postfixSays, words)
	}
}

var postfixSays = []textlog.Pattern{
	say("connection_opened", "", "connect from {client_name}[{ip_address}]"),
	say("connection_closed", "", "disconnect from {client_name}[{ip_address}]"),
	say("connection_lost", "", "lost connection after {smtp_command} from {client_name*}[{ip_address}]"),
	say("connection_lost", "", "timeout after {smtp_command} from {client_name*}[{ip_address}]"),
	say("mail_refused", "failure", "too many errors after {smtp_command} from {client_name*}[{ip_address}]"),
	say("mail_refused", "failure", "improper command pipelining after {smtp_command} from {client_name}[{ip_address}]"),
	say("mail_refused", "failure", "non-SMTP command from {client_name}[{ip_address}]: {reason}"),
	say("mail_refused", "failure", "Connection rate limit exceeded: {} from {client_name}[{ip_address}]"),
	say("mail_refused", "failure", "{reason} limit exceeded: {} from {client_name}[{ip_address}]"),
	say("connection_opened", "", "CONNECT from [{ip_address}]:{port#}"),
	say("mail_refused", "failure", "PREGREET {} from [{ip_address}]:{port#}"),
	say("connection_lost", "", "HANGUP after {} from [{ip_address}]:{port#}"),
	say("mail_refused", "failure", "DNSBL rank {} for [{ip_address}]:{port#}"),
	say("mail_refused", "failure", "COMMAND {reason} LIMIT from [{ip_address}]:{port#}"),
	say("mail_refused", "failure", "hostname {client_name@} does not resolve to address {ip_address@}"),
}

func isQueueID(s string) bool {
	if len(s) < 6 || len(s) > 20 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c-'0' > 9 && c-'A' > 25 && c-'a' > 25 {
			return false
		}
	}
	return true
}

// client adds "name[address]" or "name[address]:port".
func client(f *textlog.Fields, s string) {
	name, _, _ := strings.Cut(s, "[")
	f.Add("client_name", name)
	f.Add("ip_address", bracketed(s))
}

// queued reads what is said of one message.
func queued(f *textlog.Fields, s string) {
	verb, rest, _ := strings.Cut(s, ": ")
	switch {
	case verb == "reject" || verb == "milter-reject" || verb == "reject_warning" || verb == "hold" || verb == "discard":
		f.Did("mail_refused", "failure")
		_, who, _ := strings.Cut(rest, " from ")
		who, reason, _ := strings.Cut(who, ": ")
		client(f, who)
		reason, pairs, _ := strings.Cut(reason, "; from=")
		f.Add("reason", reason)
		mailPairs(f, "from="+pairs, false)
	case strings.HasPrefix(s, "lost connection"), strings.HasPrefix(s, "too many errors"):
		f.Match(postfixSays, s)
	case strings.HasPrefix(s, "client="):
		if strings.Contains(s, "sasl_username=") {
			f.Did("login", "success")
		} else {
			f.Did("mail_received", "")
		}
		who, _, _ := strings.Cut(s[len("client="):], ", ")
		client(f, who)
		mailPairs(f, s, true)
	case strings.HasPrefix(s, "from="), strings.HasPrefix(s, "uid="), strings.HasPrefix(s, "message-id="):
		f.Did("mail_queued", "")
		mailPairs(f, s, false)
	case strings.HasPrefix(s, "to="):
		f.Did("mail_delivered", deliveryResult(s))
		mailPairs(f, s, false)
	case s == "removed":
		f.Did("mail_removed", "")
	}
}

func deliveryResult(s string) string {
	switch {
	case strings.Contains(s, " status=sent") || strings.Contains(s, "stat=Sent"):
		return "success"
	case strings.Contains(s, " status=bounced"), strings.Contains(s, " status=expired"):
		return "failure"
	}
	return ""
}

// mailNames are the pairs that Postfix and Sendmail write, and the fields they become.
var mailNames = map[string]string{
	"from": "sender", "to": "recipient", "relay": "relay", "status": "status", "dsn": "status_code", "message-id": "message_identifier", "msgid": "message_identifier",
	"sasl_method": "authentication_method", "sasl_username": "username", "helo": "helo", "proto": "protocol", "orig_to": "original_recipient",
	"ctladdr": "sender", "stat": "status", "ruleset": "ruleset", "user": "username", "auth": "authentication_method",
}

// mailPairs adds them. Who logged on is believed only where no part of the line is a stranger's sender or greeting.
func mailPairs(f *textlog.Fields, s string, trusted bool) {
	for k, v := range textlog.Pairs(s) {
		if name, ok := mailNames[k]; ok && (trusted || name != "username") {
			f.Add(name, strings.Trim(v, "<>"))
		} else if k == "size" || k == "nrcpt" || k == "nrcpts" {
			f.Digits(k, v)
		}
	}
}

// sendmail reads "s1P819mk027713: from=<a@b>, size=0, …, relay=name [192.0.2.7]" (Sendmail 8.18, sendmail/savemail.c,
// deliver.c, srvrsmtp.c).
func sendmail(f *textlog.Fields, words string) {
	id, rest, ok := strings.Cut(words, ": ")
	if ok && len(id) >= 14 && len(id) <= 16 && isQueueID(id) { // the number of the process is its end
		f.Add("queue_identifier", id)
		words = rest
	}
	switch {
	case strings.HasPrefix(words, "AUTH failure"):
		f.Did("login_failed", "failure")
	case strings.HasPrefix(words, "AUTH="):
		f.Did("login", "success")
	case strings.Contains(words, "reject="):
		f.Did("mail_refused", "failure")
		f.Add("reason", words[strings.Index(words, "reject=")+len("reject="):])
	case strings.HasPrefix(words, "from="):
		f.Did("mail_queued", "")
	case strings.HasPrefix(words, "to="):
		f.Did("mail_delivered", deliveryResult(words))
	default:
		if strings.Contains(words, ": possible SMTP attack: ") {
			f.Did("smtp_attack", "failure")
		} else if strings.Contains(words, "[rejected]") || strings.Contains(words, "rejecting commands") || strings.Contains(words, "did not issue") {
			f.Did("mail_refused", "failure")
		} else if !strings.Contains(words, "lost input channel from ") {
			return
		} else {
			f.Did("connection_lost", "")
		}
		f.Add("ip_address", strings.TrimPrefix(bracketed(words), "IPv6:"))
		return
	}
	relay := words
	if _, after, ok := strings.Cut(words, "relay="); ok {
		relay, _, _ = strings.Cut(after, ", ")
	}
	f.Add("ip_address", strings.TrimPrefix(bracketed(relay), "IPv6:"))
	mailPairs(f, words, strings.HasPrefix(words, "AUTH"))
}

// dovecot reads the words of Dovecot 2.3 (src/login-common, src/auth): "imap-login: Login: user=<a>, method=PLAIN,
// rip=192.0.2.7, …" and "auth-worker(5): pam(a,192.0.2.7): unknown user".
func dovecot(f *textlog.Fields, words string) {
	service, said, _ := strings.Cut(words, ": ")
	if strings.Contains(words, " rip=") || strings.Contains(words, ": user=<") {
		login(f, said)
		f.Add("service", service)
		return
	}
	if looked(f, words) {
		return
	}
	if at := strings.Index(words, "pam_unix("); at >= 0 {
		pam(f, words[at:])
	}
}

// lookups are the places that dovecot looks a name up in.
var lookups = [...]string{"pam(", "sql(", "passwd-file(", "ldap(", "auth(", "shadow(", "passwd(", "lua(", "cache("}

// looked reads "auth(default): pam(a,192.0.2.7): unknown user". What a name may spell stands behind the place.
func looked(f *textlog.Fields, words string) bool {
	for range 3 {
		at, method := len(words), ""
		for _, m := range lookups {
			if i := strings.Index(words[:at], m); i >= 0 {
				at, method = i, m
			}
		}
		if method == "" {
			return false
		}
		words = words[at+len(method):]
		end := strings.Index(words, "): ")
		if i := strings.Index(words, ")<"); i >= 0 && (i < end || end < 0) {
			end = i
		}
		if end < 0 {
			return false
		}
		reason := words[end:]
		if user, address, ok := lookedUp(words[:end]); ok && dovecotFailed(reason) {
			f.Did("login_failed", "failure")
			f.Add("username", user)
			f.Add("ip_address", address)
			_, reason, _ = strings.Cut(reason, ": ")
			f.Add("reason", reason)
			f.Add("authentication_method", strings.TrimSuffix(method, "("))
			return true
		}
	}
	return false
}

// login reads "Login: user=<a>, method=PLAIN, rip=192.0.2.7, …" and how it failed. The name is the client's: what was done is
// told before it, and the rest behind the last of what follows a name.
func login(f *textlog.Fields, said string) {
	done, user, named := strings.Cut(said, "user=<")
	switch {
	case strings.HasPrefix(done, "Login: ") || strings.Contains(done, ": Login: "):
		f.Did("login", "success")
	case strings.Contains(done, "auth failed"), strings.Contains(done, "auth_failed"), strings.Contains(done, "disallowed"), strings.Contains(done, "disabled plaintext"):
		f.Did("login_failed", "failure")
	default:
		f.Did("disconnected", "")
	}
	rest := done
	if named {
		for _, next := range [...]string{">, method=", ">, rip=", ">"} {
			if at := textlog.LastIndex(user, next); at >= 0 {
				user, rest = user[:at], user[at+1:]
				break
			}
		}
		f.Add("username", user)
	}
	for k, v := range textlog.Pairs(rest) {
		switch k {
		case "method":
			f.Add("authentication_method", v)
		case "rip":
			f.Add("ip_address", v)
		case "session":
			f.Add("session", strings.Trim(v, "<>"))
		}
	}
}

// lookedUp reads "a,192.0.2.7" and "a,192.0.2.7,<session>": the last address, since a name may hold commas.
func lookedUp(s string) (user, address string, ok bool) {
	for range 3 {
		if user, address, ok = cutLast(s, ","); ok && isAddress(address) {
			return user, address, true
		}
		s = user
	}
	return "", "", false
}

func dovecotFailed(s string) bool {
	s = strings.ToLower(s)
	return strings.Contains(s, "unknown user") || strings.Contains(s, "mismatch") || strings.Contains(s, "failed") || strings.Contains(s, "invalid credentials")
}

// Exim reads a line of Exim 4.97's logs (The Exim Specification, 53): main log, reject log.
func Exim(f *textlog.Fields, words string) {
	if strings.HasPrefix(words, "[") { // the process
		if pid, rest, ok := strings.Cut(words[1:], "] "); ok {
			f.Digits("pid", pid)
			words = rest
		}
	}
	if id, rest, ok := strings.Cut(words, " "); ok && isEximID(id) {
		f.Add("queue_identifier", id)
		words = rest
	}
	flag, rest, _ := strings.Cut(words, " ")
	switch action, result := eximFlag(flag); {
	case action != "":
		f.Did(action, result)
		address, _, _ := strings.Cut(rest, " ")
		if flag == "<=" {
			f.Add("sender", address)
		} else {
			f.Add("recipient", strings.TrimSuffix(address, ":"))
		}
		eximHost(f, rest)
		for k, v := range textlog.Pairs(rest) {
			switch k {
			case "A":
				method, user, _ := strings.Cut(v, ":")
				f.Add("authentication_method", method)
				f.Add("username", user)
			case "id":
				f.Add("message_identifier", v)
			case "S":
				f.Digits("size", v)
			case "T":
				f.Add("transport", v)
			}
		}
	case strings.HasPrefix(rest, "authenticator failed for "):
		f.Did("login_failed", "failure")
		f.Add("authentication_method", flag)
		head, tail, _ := strings.Cut(words, ": 535") // behind it is what the client sent
		f.Add("ip_address", eximAddress(head))
		f.Add("username", between(tail, "(set_id=", ")"))
	case words == "Completed":
		f.Did("mail_removed", "")
	case strings.Contains(words, "rejected ") || strings.Contains(words, " dropped") || strings.Contains(words, "SMTP protocol ") || strings.Contains(words, "verify fail"):
		f.Did("mail_refused", "failure")
		eximHost(f, words)
		if !f.Has("ip_address") {
			f.Add("ip_address", eximAddress(words))
		}
		eximRefused(f, words)
	case strings.HasPrefix(words, "no host name found for IP address "):
		f.Did("lookup_failed", "")
		f.Add("ip_address", words[len("no host name found for IP address "):])
	case strings.Contains(words, " connection from ") || strings.Contains(words, "(during SMTP "):
		f.Did("connection", "")
		f.Add("ip_address", eximAddress(words))
	}
}

// eximRefused reads "F=<a@b> rejected RCPT <c@d>: reason": the sender before, the recipient and the reason behind the words.
func eximRefused(f *textlog.Fields, words string) {
	before, after, ok := strings.Cut(words, " rejected ")
	if !ok {
		return
	}
	if _, sender, ok := strings.Cut(before, " F="); ok || strings.HasPrefix(before, "F=") {
		if !ok {
			sender = before[len("F="):]
		}
		sender, _, _ = strings.Cut(sender, " ")
		f.Add("sender", strings.Trim(sender, "<>"))
	}
	what, reason, _ := strings.Cut(after, ": ")
	if recipient, ok := strings.CutPrefix(what, "RCPT "); ok {
		f.Add("recipient", strings.Trim(recipient, "<>"))
	}
	f.Add("reason", reason)
}

func eximFlag(flag string) (action, result string) {
	switch flag {
	case "<=":
		return "mail_received", ""
	case "=>", "->", ">>":
		return "mail_delivered", "success"
	case "==":
		return "mail_deferred", ""
	case "**":
		return "mail_delivered", "failure"
	case "*>":
		return "mail_delivered", ""
	}
	return "", ""
}

// eximHost adds the address behind " H=". A stranger's subject or input behind it may hold another, so the first counts; but
// of an error of protocol the command comes before it, so there the last does, before what else was sent.
func eximHost(f *textlog.Fields, s string) {
	if before, _, ok := strings.Cut(s, " next input="); ok {
		s = before
	}
	at := strings.Index(s, " H=")
	switch {
	case strings.HasPrefix(s, "SMTP protocol "):
		at = textlog.LastIndex(s, " H=")
	case strings.HasPrefix(s, "H="):
		at = 0
	}
	if at < 0 {
		return
	}
	s = s[at:]
	f.Add("ip_address", eximAddress(s[:eximNext(s)]))
}

// eximNext is where the first of " F=", " U=", " P=" and " T=\"" begins, which stand behind a host.
func eximNext(s string) int {
	for i := 0; ; i++ {
		at := strings.IndexByte(s[i:], '=')
		if at < 0 {
			return len(s)
		}
		if i += at; i < 2 || s[i-2] != ' ' {
			continue
		}
		switch s[i-1] {
		case 'F', 'U', 'P':
			return i - 2
		case 'T':
			if strings.HasPrefix(s[i+1:], `"`) {
				return i - 2
			}
		}
	}
}

// eximAddress is the last address in brackets that stands by itself and is not our own, "I=[…]".
func eximAddress(s string) string {
	if at := strings.Index(s, " I=["); at >= 0 {
		s = s[:at]
	}
	for range maxBrackets {
		at := strings.LastIndexByte(s, '[')
		if at < 0 {
			return ""
		}
		if a, _, ok := strings.Cut(s[at+1:], "]"); ok && isAddress(a) && !strings.HasSuffix(s[:at], "(") {
			return a
		}
		s = s[:at]
	}
	return ""
}

// isEximID tells "1ahr79-0006jK-G9" and the longer ones since 4.97.
func isEximID(s string) bool {
	return (len(s) == 16 && s[6] == '-' && s[13] == '-') || (len(s) == 23 && s[6] == '-' && s[18] == '-')
}

// Cyrus SASL's saslauthd(8) and UW imapd.
var (
	saslSays = []textlog.Pattern{
		say("login_failed", "failure", "do_auth         : auth failure: [user={username*}] [service={service@}] [realm={realm}] [mech={authentication_method@}] [reason={reason}]"),
	}
	imapSays = []textlog.Pattern{
		say("login", "success", "Authenticated user={username*} host={client_name} [{ip_address}]"),
		say("login", "success", "Login user={username*} host={client_name} [{ip_address}]"),
		say("session_closed", "", "Logout user={username*} host={client_name} [{ip_address}]"),
		say("login_failed", "failure", "Login failed user={username*} auth={} host={client_name} [{ip_address}]"),
		say("login_failed", "failure", "Login failure user={username*} host={client_name} [{ip_address}]"),
		say("login_failed", "failure", "Login disabled user={username*} auth={} host={client_name} [{ip_address}]"),
		say("login_failed", "failure", "Login excessive login failures user={username*} auth={} host={client_name} [{ip_address}]"),
		say("login_failed", "failure", "Failed {} override of user={username*}  host={client_name} [{ip_address}]"),
		say("connection_opened", "", "imap service init from {ip_address@}"),
		say("connection_opened", "", "pop3 service init from {ip_address@}"),
	}
)
