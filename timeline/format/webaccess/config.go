package webaccess

import (
	"iter"
	"strings"

	"spor/timeline"
)

// A Config gathers what the configuration of web servers says of the form of their logs. Its files are read in any order;
// the formats are those of the logs that were named by then.
type Config struct {
	forms map[string]*Layout // by the name that the configuration gives them
	uses  []use
	proxy proxied // the forms of HAProxy, which names no file
}

// A use is a log that has a form.
type use struct {
	base string // the log's file name, up to a date or the name of a host in it
	rest string // what follows behind that; empty: anything
	open bool   // there is such a one
	form string
	own  *Layout // spelled where the log is named; nil: form tells
}

// Bounds of what hostile configuration may say.
const (
	maxForms = 200
	maxUses  = 2000
	maxText  = 1 << 20
)

// MaxText is how much of a file of configuration is worth reading, in bytes.
const MaxText = maxText

// Wants tells by its name whether a file may be configuration of a web server.
func Wants(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, `\`, "/"))
	switch base := timeline.Base(name); {
	case strings.HasSuffix(base, ".conf"), strings.HasSuffix(base, ".vhost"), base == "server.xml", base == "haproxy.cfg":
		return true
	case strings.HasSuffix(base, ".cfg"):
		return strings.Contains(name, "/haproxy/")
	case strings.HasPrefix(base, "server.xml."), strings.HasSuffix(base, ".log"), strings.HasSuffix(base, ".gz"):
		return false
	}
	return strings.Contains(name, "/sites-enabled/") || strings.Contains(name, "/sites-available/")
}

// Read reads one file, whatever server it is of.
func (c *Config) Read(text string) {
	if len(text) > maxText {
		return
	}
	if strings.Contains(text, "log_format") || strings.Contains(text, "access_log") {
		c.nginx(text)
	}
	if strings.Contains(text, "CustomLog") || strings.Contains(text, "LogFormat") || strings.Contains(text, "accesslog.f") {
		c.apache(text)
	}
	if strings.Contains(text, "AccessLogValve") {
		c.tomcat(text)
	}
	if strings.Contains(text, "log-format") {
		c.haproxy(text)
	}
}

// Formats are the parsers of the logs that are named, one for each form: each knows a file by its name, rotated or not,
// and by a first line of that form. They come before the formats of package formats.
func (c *Config) Formats() timeline.Formats {
	byForm := map[*Layout]int{}
	var forms []*Layout
	var names [][]use
	for _, u := range c.uses {
		l := u.own
		if l == nil {
			l = c.forms[u.form]
		}
		if l == nil {
			continue
		}
		at, ok := byForm[l]
		if !ok {
			at = len(forms)
			byForm[l], forms, names = at, append(forms, l), append(names, nil)
		}
		names[at] = append(names[at], u)
	}
	var out timeline.Formats
	for i, l := range forms {
		d := layouts{l}.dialect("webserver_access")
		d.Names = func(base string) bool { return named(names[i], base) }
		out = append(out, d.Format())
	}
	if len(c.proxy) > 0 {
		out = append(out, c.proxy.format())
	}
	return out
}

// named tells whether a file's name is that of a log, also with what rotation puts behind.
func named(uses []use, base string) bool {
	for i := range uses {
		rest, ok := strings.CutPrefix(base, uses[i].base)
		if ok && (uses[i].open && strings.Contains(rest, uses[i].rest) || rest == "" || !uses[i].open && strings.IndexByte(".-_", rest[0]) >= 0) {
			return true
		}
	}
	return false
}

func (c *Config) form(name string, l *Layout, err error) {
	if err != nil || len(c.forms) >= maxForms {
		return
	}
	if c.forms == nil {
		c.forms = map[string]*Layout{}
	}
	if old := c.forms[name]; old == nil || old.text != l.text {
		c.forms[name] = l
	}
}

// use notes a log. A name that is no name of a file is passed over.
func (c *Config) use(path, form string, own *Layout) {
	base := strings.ToLower(timeline.Base(path))
	u := use{base: base, form: form, own: own}
	if at := strings.IndexAny(base, "$%"); at >= 0 {
		u.base, u.open = base[:at], true
		u.rest = behindVariable(base[strings.LastIndexAny(base, "$%"):])
	}
	if len(c.uses) < maxUses && len(u.base)+len(u.rest) > 2 {
		c.uses = append(c.uses, u)
	}
}

// behindVariable cuts "$host", "${host}" and "%d" from the beginning of a name.
func behindVariable(s string) string {
	if _, n := variable(s); n > 0 {
		return s[n:]
	}
	return s[min(len(s), 2):]
}

// nginx reads log_format and access_log (nginx.org/en/docs/http/ngx_http_log_module.html).
func (c *Config) nginx(text string) {
	for words := range statements(text) {
		switch {
		case words[0] == "log_format" && len(words) > 2:
			parts := words[2:]
			if strings.HasPrefix(parts[0], "escape=") {
				parts = parts[1:]
			}
			l, err := Nginx(strings.Join(parts, ""))
			c.form(words[1], l, err)
		case words[0] == "access_log" && len(words) > 2 && !strings.Contains(words[2], "="):
			c.use(words[1], words[2], nil)
		}
	}
}

// statements gives the words of what ends in a semicolon or opens a block, without quotes; # begins a comment.
func statements(text string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		var words []string
		for i := 0; i < len(text); {
			switch c := text[i]; {
			case c == '#':
				end := strings.IndexByte(text[i:], '\n')
				if end < 0 {
					return
				}
				i += end
			case c == ';' || c == '{' || c == '}':
				if len(words) > 0 && !yield(words) {
					return
				}
				words = words[:0]
				i++
			case c == ' ' || c == '\t' || c == '\n' || c == '\r':
				i++
			default:
				w, n := configWord(text[i:], " \t\r\n;{}")
				words = append(words, w)
				i += n
			}
		}
	}
}

// configWord reads a word, or a text in quotes, and says how long it is with them. A word goes over "${name}".
func configWord(s, stops string) (string, int) {
	if q := s[0]; q == '"' || q == '\'' {
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '\\' && i+1 < len(s) && (s[i+1] == q || s[i+1] == '\\'):
				i++
				b.WriteByte(s[i])
			case s[i] == '\\' && i+1 < len(s) && s[i+1] == 't':
				i++
				b.WriteByte('\t')
			case s[i] == q:
				return b.String(), i + 1
			default:
				b.WriteByte(s[i])
			}
		}
		return b.String(), len(s)
	}
	for i := 0; i < len(s); i++ {
		if strings.HasPrefix(s[i:], "${") {
			if end := strings.IndexByte(s[i:], '}'); end > 0 {
				i += end
				continue
			}
		}
		if strings.IndexByte(stops, s[i]) >= 0 && i > 0 {
			return s[:i], i
		}
	}
	return s, len(s)
}

// apache reads LogFormat, CustomLog, GlobalLog and TransferLog (httpd 2.4, mod_log_config), and lighttpd's accesslog.format
// and accesslog.filename (redmine.lighttpd.net, mod_accesslog).
func (c *Config) apache(text string) {
	lighttpd := ""
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\\\n", " "), "\n") {
		words := lineWords(line)
		if len(words) < 2 {
			continue
		}
		switch key := strings.ToLower(words[0]); {
		case key == "logformat":
			name := "" // of TransferLog's
			if len(words) > 2 {
				name = words[2]
			}
			l, err := Apache(words[1])
			c.form(name, l, err)
		case (key == "customlog" || key == "globallog") && len(words) > 2:
			c.custom(logFile(words[1]), words[2])
		case key == "transferlog":
			c.use(logFile(words[1]), "", nil)
		case key == "accesslog.format" && len(words) > 2:
			lighttpd = words[2]
		case key == "accesslog.filename" && len(words) > 2:
			defer func() { c.custom(words[2], lighttpd) }() // the form may come behind
		}
	}
}

// custom notes a log whose form is a name, or is spelled.
func (c *Config) custom(path, form string) {
	if !strings.Contains(form, "%") {
		c.use(path, form, nil)
		return
	}
	if l, err := Apache(form); err == nil {
		c.use(path, "", l)
	}
}

// logFile is the file of a log, or that which a program writes it to: the first path among its arguments.
func logFile(name string) string {
	if !strings.HasPrefix(name, "|") {
		return name
	}
	for i, arg := range strings.Fields(strings.TrimLeft(name, "|$")) {
		if i > 0 && strings.Contains(arg, "/") {
			return arg
		}
	}
	return ""
}

// lineWords are the words of a line, without quotes; "=" is a word.
func lineWords(line string) (words []string) {
	for line = strings.TrimSpace(line); line != "" && line[0] != '#' && len(words) < 8; line = strings.TrimLeft(line, " \t\r") {
		if line[0] == '=' {
			words, line = append(words, "="), line[1:]
			continue
		}
		w, n := configWord(line, " \t\r=")
		if line[0] != '"' && line[0] != '\'' && strings.IndexByte(w, '%') >= 0 { // "env=!x" ends a form, "%{a=b}i" does not
			w, n = configWord(line, " \t\r")
		}
		words, line = append(words, w), line[n:]
	}
	return words
}

// tomcat reads the attributes of AccessLogValve.
func (c *Config) tomcat(text string) {
	for range maxForms {
		at := strings.Index(text, "AccessLogValve\"")
		if at < 0 {
			return
		}
		start := max(strings.LastIndexByte(text[:at], '<'), 0)
		end := tagEnd(text, at)
		tag := text[start:end]
		text = text[end:]
		if l, err := Tomcat(attribute(tag, "pattern")); err == nil {
			prefix := attribute(tag, "prefix")
			if prefix == "" {
				prefix = "access_log"
			}
			c.use(prefix+"%", "", l)
		}
	}
}

// tagEnd is where a tag ends that goes over an offset: the ">" outside of quotes.
func tagEnd(text string, at int) int {
	quoted := true // at lies within
	for ; at < len(text); at++ {
		switch {
		case text[at] == '"':
			quoted = !quoted
		case text[at] == '>' && !quoted:
			return at
		}
	}
	return len(text)
}

var entities = strings.NewReplacer("&quot;", `"`, "&lt;", "<", "&gt;", ">", "&apos;", "'", "&amp;", "&")

// attribute is the value of an attribute of a tag.
func attribute(tag, name string) string {
	for {
		at := strings.Index(tag, name)
		if at < 0 {
			return ""
		}
		before := at == 0 || strings.IndexByte(" \t\r\n", tag[at-1]) >= 0
		tag = strings.TrimLeft(tag[at+len(name):], " \t\r\n")
		if rest, ok := strings.CutPrefix(tag, "="); ok && before {
			if rest = strings.TrimLeft(rest, " \t\r\n"); rest != "" && (rest[0] == '"' || rest[0] == '\'') {
				value, _, _ := strings.Cut(rest[1:], rest[:1])
				return entities.Replace(value)
			}
			return ""
		}
	}
}
