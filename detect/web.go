//go:build !windows

package detect

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"spor/timeline"
)

// webAccess is the data type of what package web makes of all access logs.
const webAccess = "webserver:access"

// webRules are rules on what web servers and proxies were asked.
var webRules = []*Rule{
	{
		Name: "web-exploit", Title: "A request that attacks a known weakness",
		Severity: Low, Technique: []string{"T1190"}, Watch: webExploit,
	},
	{
		Name: "web-shell-request", Title: "Data was sent to a script in a folder for uploads",
		Severity: High, Technique: []string{"T1505.003"}, Event: shellRequest,
	},
	{
		Name: "web-scanner", Title: "A program that looks for weaknesses of web servers was here",
		Severity: Info, Technique: []string{"T1595.002"}, Watch: webScanner,
	},
}

// An exploit is how the request of an attack looks, in lower case with its escapes resolved.
type exploit struct {
	segment string   // of the path or the query, whole; empty: with alone tells
	with    []string // all of them stand somewhere
	what    string   // product, and the CVE
}

// exploits are requests of attacks that CISA's catalogue of known exploited vulnerabilities lists. How they look is from the
// rules of the Sigma project (rules/web) and crowdsec's hub, and, where named, from who found them.
var exploits = []exploit{
	{"autodiscover.json", []string{"@", "powershell"}, "Exchange, ProxyShell and ProxyNotShell (CVE-2021-34473, CVE-2022-41040)"},
	{"autodiscover.json", []string{"@", "/mapi/"}, "Exchange, ProxyShell (CVE-2021-34473)"},
	{"autodiscover.json", []string{"@", "/ews/"}, "Exchange, ProxyShell (CVE-2021-34473)"},
	{"totp", []string{"/api/v1/totp/user-backup-code/../"}, "Ivanti Connect Secure (CVE-2023-46805, CVE-2024-21887)"}, // volexity.com, 10 January 2024
	{"saml20.ws", []string{"/dana-ws/saml20.ws"}, "Ivanti Connect Secure (CVE-2024-21893)"},
	{"guacamole", []string{"/dana/html5acc/guacamole/../"}, "Pulse Connect Secure (CVE-2019-11510)"},
	{"fgt_lang", []string{"lang=/../"}, "FortiOS (CVE-2018-13379)"},
	{"cmdb", []string{"/api/v2/cmdb/system/admin"}, "FortiOS (CVE-2022-40684)"},
	{"vpns", []string{"/vpn/../vpns/"}, "Citrix ADC (CVE-2019-19781)"},
	{"tmui", []string{"/..;/"}, "F5 BIG-IP (CVE-2020-5902)"},
	{"bash", []string{"/mgmt/tm/util/bash"}, "F5 BIG-IP (CVE-2022-1388)"},
	{"ztp_gate.php", []string{".js.map"}, "PAN-OS (CVE-2024-0012)"},
	{"server-info.action", []string{"bootstrapstatusprovider"}, "Confluence (CVE-2023-22515)"},
	{"setup-restore.action", nil, "Confluence (CVE-2023-22518)"},
	{"", []string{"${", "@java.lang.runtime"}, "Confluence (CVE-2022-26134)"},
	{"web-inf", []string{"/_/;/web-inf/"}, "Jira (CVE-2021-26086)"},
	{"meta-inf", []string{"/_/;/meta-inf/"}, "Jira (CVE-2021-26086)"},
	{"", []string{"class.module.classloader."}, "Spring, Spring4Shell (CVE-2022-22965)"},
	{"eval-stdin.php", []string{"phpunit"}, "PHPUnit (CVE-2017-9841)"},
	{"htmlawedtest.php", nil, "GLPI (CVE-2022-35914)"},
	{"getphpinfo.php", []string{"graphapi"}, "ownCloud (CVE-2023-49103)"},
	{"remote_agent.php", []string{"action=polldata"}, "Cacti (CVE-2022-46169)"},
	{"plugins", []string{"/public/plugins/", "/../"}, "Grafana (CVE-2021-43798)"},
	{"moveitisapi.dll", []string{"action=m2"}, "MOVEit Transfer (CVE-2023-34362)"},
	{"human2.aspx", nil, "MOVEit Transfer, the web shell LEMURLOOT (CVE-2023-34362)"},
	{"setupwizard.aspx", []string{"/setupwizard.aspx/"}, "ScreenConnect (CVE-2024-1709)"},
	{"toolpane.aspx", []string{"displaymode=edit"}, "SharePoint, ToolShell (CVE-2025-53770)"},
	{"telerik.web.ui.webresource.axd", []string{"type=rau"}, "Telerik UI (CVE-2019-18935)"},
	{"", []string{"invokefunction", "call_user_func_array"}, "ThinkPHP (CVE-2018-20062)"},
	{"", []string{"/cgi-bin/", "/../", "/bin/sh"}, "Apache httpd (CVE-2021-41773, CVE-2021-42013)"},
	{"", []string{"../", "/etc/passwd"}, "a path out of the web root"},
	{"", []string{"../", "/etc/shadow"}, "a path out of the web root"},
	{"", []string{"../", "win.ini"}, "a path out of the web root"},
	{"", []string{"../", "/proc/self/"}, "a path out of the web root"},
}

// bySegment finds exploits by the segment they have; those that have none are at the empty one.
var bySegment = func() map[string][]*exploit {
	m := map[string][]*exploit{}
	for i := range exploits {
		m[exploits[i].segment] = append(m[exploits[i].segment], &exploits[i])
	}
	return m
}()

// maxURL is how much of a URL is looked at.
const maxURL = 8 << 10

// plain puts a URL into lower case and resolves its escapes, twice, for some are hidden in escapes.
func plain(b []byte, url string) []byte {
	b = b[:0]
	for i := range min(len(url), maxURL) {
		c := url[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		b = append(b, c)
	}
	for range 2 {
		if bytes.IndexByte(b, '%') < 0 {
			break
		}
		b = unescapeURL(b)
	}
	return b
}

// unescapeURL resolves "%2e" in place.
func unescapeURL(b []byte) []byte {
	n := 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '%' && i+2 < len(b) {
			if high, low := hexDigit(b[i+1]), hexDigit(b[i+2]); high < 16 && low < 16 {
				c = high<<4 | low
				i += 2
				if c >= 'A' && c <= 'Z' {
					c |= 0x20
				}
			}
		}
		b[n] = c
		n++
	}
	return b[:n]
}

func hexDigit(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

// in tells whether all that tells an attack stands in a URL.
func (x *exploit) in(url []byte) bool {
	for _, w := range x.with {
		if !bytes.Contains(url, []byte(w)) {
			return false
		}
	}
	return true
}

// attack finds the exploit that a URL, made plain, is of.
func attack(url []byte) *exploit {
	for rest := url; len(rest) > 0; {
		end := bytes.IndexAny(rest, "/?;&")
		segment := rest
		if end >= 0 {
			segment, rest = rest[:end], rest[end+1:]
		} else {
			rest = nil
		}
		if len(segment) == 0 {
			continue
		}
		for _, x := range bySegment[string(segment)] {
			if x.in(url) {
				return x
			}
		}
	}
	if bytes.Contains(url, []byte("../")) || bytes.Contains(url, []byte("${")) || bytes.Contains(url, []byte("class.module")) || bytes.Contains(url, []byte("invokefunction")) {
		for _, x := range bySegment[""] {
			if x.in(url) {
				return x
			}
		}
	}
	return nil
}

// spoken are the fields that a client fills as it likes.
var spoken = []string{"url", "http_request", "http_request_referer", "http_request_user_agent", "username", "x_forwarded_for", "http_cookie", "server_name"}

// injection finds what attacks whatever reads the log or the headers: Log4Shell, also hidden by its own substitutions
// (CISA AA21-356A), and Shellshock.
func injection(e *timeline.Event, buf *[]byte) string {
	for i := range e.Fields {
		if !slices.Contains(spoken, e.Fields[i].Name) {
			continue
		}
		s := e.Fields[i].String()
		if strings.Contains(s, "() {") {
			return "Shellshock (CVE-2014-6271)"
		}
		if strings.IndexByte(s, '$') < 0 && !strings.Contains(s, "%24") {
			continue
		}
		*buf = plain(*buf, s)
		if b := *buf; bytes.Contains(b, []byte("${jndi:")) || bytes.Contains(b, []byte("${${")) || bytes.Contains(b, []byte("${lower:")) || bytes.Contains(b, []byte("${upper:")) || bytes.Contains(b, []byte("${::-")) {
			return "Log4j, Log4Shell (CVE-2021-44228)"
		}
	}
	return ""
}

// maxTold bounds what is remembered as told.
const maxTold = 4096

// told remembers what was said once about the logs of a host.
type told map[string]bool

// first tells whether something is said for the first time.
func (t told) first(e *timeline.Event, what string) bool {
	host := ""
	if e.Source != nil {
		host = e.Source.Host
	}
	key := host + "\x00" + what
	if t[key] || len(t) >= maxTold {
		return false
	}
	t[key] = true
	return true
}

// webExploit tells each attack once for each host, and once more where one was answered: every server on the internet is
// attacked daily.
func webExploit() Watcher {
	seen := told{}
	var buf []byte
	return func(e *timeline.Event, f *Finding) bool {
		if e.Type != webAccess {
			return false
		}
		url := field(e, "url")
		buf = plain(buf, url)
		if x := attack(buf); x != nil {
			decoded := string(buf)
			ok := answered(e)
			if !seen.first(e, fmt.Sprint(x.what, ok)) {
				return false
			}
			f.Reason = fmt.Sprintf("%s asked for %q, which attacks %s; the answer was %s.", client(e), shorten(decoded), x.what, or(field(e, "http_response_code"), "not logged"))
			if ok {
				f.Severity = High
				f.Reason += " An answer of success means that the attack may have worked; servers that answer everything so look the same."
			} else {
				f.Reason += " The server refused it or does not have the product: attempts like this reach every server on the internet."
			}
			return true
		}
		if what := injection(e, &buf); what != "" && seen.first(e, what) {
			f.Severity = Medium
			f.Reason = fmt.Sprintf("%s sent what attacks %s, in %q. The answer does not tell whether it worked: look for connections that the host opened then.", client(e), what, shorten(e.Message))
			return true
		}
		return false
	}
}

func client(e *timeline.Event) string { return or(shorten(field(e, "ip_address")), "A client") }

// answered tells a status of success.
func answered(e *timeline.Event) bool {
	code := field(e, "http_response_code")
	return len(code) == 3 && code[0] == '2'
}

// scripts are the extensions of what a web server executes.
var scripts = []string{".php", ".php3", ".php4", ".php5", ".php7", ".phtml", ".phar", ".asp", ".aspx", ".ashx", ".asmx", ".jsp", ".jspx", ".cfm", ".cgi", ".pl"}

// uploads are folders that visitors' files, pictures and caches go to, and no scripts.
var uploads = []string{"/uploads/", "/uploaded/", "/images/", "/img/", "/pictures/", "/media/", "/files/", "/cache/", "/tmp/", "/temp/", "/aspnet_client/", "/.well-known/", "/fonts/", "/css/"}

// shellRequest looks for data sent to a script where none should be, and taken.
func shellRequest(e *timeline.Event, f *Finding) bool {
	if e.Type != webAccess || !is(e, "http_request_method", "POST") || !is(e, "http_response_code", "200") {
		return false
	}
	url := strings.ToLower(field(e, "url"))
	path, _, _ := strings.Cut(url, "?")
	path, _, _ = strings.Cut(path, ";")
	slash := strings.LastIndexByte(path, '/')
	if slash < 0 || !slices.Contains(scripts, extension(path[slash:])) || !slices.ContainsFunc(uploads, func(dir string) bool { return strings.Contains(path[:slash+1], dir) }) {
		return false
	}
	if name := path[slash+1:]; strings.HasPrefix(name, "upload") || strings.HasPrefix(name, "index.") {
		return false
	}
	f.Reason = fmt.Sprintf("%s sent data to %q, a script in a folder for uploads, and the server answered 200. Web shells lie in such folders and are spoken to like this; a plug-in of a shop or gallery may be built so.", client(e), shorten(field(e, "url")))
	return true
}

func extension(name string) string {
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		return name[dot:]
	}
	return ""
}

// scanners are programs that look for weaknesses, by words of the user agent they send unless told otherwise, in lower case.
var scanners = []string{
	"nikto", "sqlmap", "nuclei", "nmap scripting engine", "masscan", "zgrab", "gobuster", "dirbuster", "dirsearch", "feroxbuster", "fuzz faster u fool", "wpscan", "acunetix", "netsparker", "invicti", "nessus", "openvas",
	"qualys", "w3af", "whatweb", "arachni", "l9explore", "l9tcpid", "jorgee", "morfeus", "havij", "zmeu", "skipfish", "wfuzz", "joomscan", "droopescan", "commix", "xspider", "burpcollaborator", "cgi-bin scanner",
}

// webScanner tells each scanner once for each host.
func webScanner() Watcher {
	seen := told{}
	return func(e *timeline.Event, f *Finding) bool {
		if e.Type != webAccess {
			return false
		}
		agent := field(e, "http_request_user_agent")
		if agent == "" || strings.HasPrefix(agent, "Mozilla/5.0 (") && !strings.Contains(agent, "compatible") { // a browser's, as most are
			return false
		}
		lower := strings.ToLower(agent[:min(len(agent), 512)])
		for _, name := range scanners {
			if strings.Contains(lower, name) && seen.first(e, name) {
				f.Reason = fmt.Sprintf("%s used a program that calls itself %q. Such programs try thousands of weaknesses; they are used by intruders, by researchers and by who was paid to test.", client(e), shorten(agent))
				return true
			}
		}
		return false
	}
}
