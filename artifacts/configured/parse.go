package configured

import (
	"cmp"
	"iter"
	"path"
	"regexp"
	"strings"

	"spor/artifacts/schema"
)

// literal is a name as configuration writes it, where nothing is a wildcard but what wild matches.
func literal(text string, wild *regexp.Regexp) string {
	if wild == nil {
		return schema.Quote(text)
	}
	parts := wild.Split(text, -1)
	for i := range parts {
		parts[i] = schema.Quote(parts[i])
	}
	return strings.Join(parts, "*")
}

var (
	dollar   = regexp.MustCompile(`\$\{[^}]*\}|\$[A-Za-z0-9_]+`) // nginx, syslog-ng, the shell
	strftime = regexp.MustCompile(`%\{[^}]*\}\w?|%-?\w`)         // Apache's and its log programs, Samba, Exim, supervisor
	property = regexp.MustCompile(`%[^%/ ]+%|\$[A-Za-z0-9_]+`)   // rsyslog, syslog-ng
	bare     = regexp.MustCompile(`%%[^%/]*%%`)                  // none of ours
	xmlAttr  = regexp.MustCompile(`([A-Za-z]+)\s*=\s*"([^"]+)"`)
	xmlTag   = regexp.MustCompile(`<(Host|Valve|Context)\b[^>]*>`)
	quoted   = regexp.MustCompile(`"([^"]+)"`)
)

// lines gives the lines of a text without comments and outer blanks, those that end in a backslash joined.
func lines(text, comment string) iter.Seq[string] {
	return func(yield func(string) bool) {
		joined := ""
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if rest, more := strings.CutSuffix(line, `\`); more && len(joined) < 8192 {
				joined += rest + " "
				continue
			}
			line, joined = strings.TrimSpace(joined+line), ""
			if line != "" && !strings.ContainsAny(line[:1], comment) && !yield(line) {
				return
			}
		}
	}
}

// words cuts a line at blanks, except within quotes.
func words(line string) []string {
	var all []string
	var b strings.Builder
	quote, open := byte(0), false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && (c == '"' || c == '\''):
			quote, open = c, true
		case c == quote && quote != 0:
			quote = 0
		case c == '\\' && quote != 0 && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			if open || b.Len() > 0 {
				all = append(all, b.String())
			}
			b.Reset()
			open = false
		default:
			b.WriteByte(c)
		}
	}
	if open || b.Len() > 0 {
		all = append(all, b.String())
	}
	return all
}

// keyed reads settings of the form "key = value", "key: value", "key value" or "key(value)", whatever stands between.
// Keys are compared without case, and "-" is "_". The value's kind is looked up; names in values are literal but for
// what wild matches, except those of configuration, which are patterns.
func keyed(kinds map[string]Kind, wild *regexp.Regexp) func(*Scope, string) iter.Seq[Place] {
	return func(_ *Scope, text string) iter.Seq[Place] {
		return func(yield func(Place) bool) {
			for line := range lines(text, "#;") {
				end := strings.IndexAny(line, " \t=:(")
				if end < 0 {
					continue
				}
				key := strings.ReplaceAll(strings.ToLower(strings.Trim(line[:end], `"'`)), "-", "_")
				value := strings.Trim(line[end:], " \t=:")
				if kind, ok := kinds[key+" "+firstWord(value)]; ok { // "log file = x", "output file x"
					value = strings.Trim(strings.TrimPrefix(value, firstWord(value)), " \t=:")
					if !place(kind, value, wild, yield) {
						return
					}
				} else if kind, ok := kinds[key]; ok && !place(kind, value, wild, yield) {
					return
				}
			}
		}
	}
}

func firstWord(s string) string {
	if i := strings.IndexAny(s, " \t="); i >= 0 {
		return s[:i]
	}
	return s
}

// place yields what a value names. A value may name several files; what is not a path is passed over.
func place(kind Kind, value string, wild *regexp.Regexp, yield func(Place) bool) bool {
	for _, word := range words(strings.Trim(value, "();,{}[]")) {
		word = strings.TrimRight(strings.Trim(word, `"'();,`), ";,")
		for _, prefix := range []string{"append:", "file:", "truncate:", "daemon:", "stdio:"} {
			word = strings.TrimPrefix(word, prefix)
		}
		isPath := strings.Contains(word, "/") || kind == Config && strings.ContainsAny(word, ".*") || kind == Log && strings.HasSuffix(word, ".log")
		switch {
		case strings.HasPrefix(word, "#"):
			return true
		case !isPath || strings.Contains(word, "://"):
			continue
		case kind != Config:
			word = literal(word, wild)
		}
		if !yield(Place{kind, word}) {
			return false
		}
	}
	return true
}

// with joins parsers of the same files.
func with(parsers ...func(*Scope, string) iter.Seq[Place]) func(*Scope, string) iter.Seq[Place] {
	return func(s *Scope, text string) iter.Seq[Place] {
		return func(yield func(Place) bool) {
			for _, parse := range parsers {
				for p := range parse(s, text) {
					if !yield(p) {
						return
					}
				}
			}
		}
	}
}

// folder reads a key that names a folder, all of whose files are of a kind.
func folder(kind Kind, key string) func(*Scope, string) iter.Seq[Place] {
	return func(_ *Scope, text string) iter.Seq[Place] {
		return func(yield func(Place) bool) {
			for line := range lines(text, "#;") {
				rest, ok := strings.CutPrefix(line, key)
				if !ok || rest == "" || !strings.ContainsAny(rest[:1], " \t=:") {
					continue
				}
				if dir := setting(rest); dir != "" && !yield(Place{kind, schema.Quote(dir) + "/*"}) {
					return
				}
			}
		}
	}
}

// setting is what stands behind a key: up to the quote that closes it, or to a comment.
func setting(rest string) string {
	rest = strings.TrimLeft(rest, " \t=:")
	if rest != "" && strings.ContainsAny(rest[:1], `'"`) {
		value, _, _ := strings.Cut(rest[1:], rest[:1])
		return value
	}
	value, _, _ := strings.Cut(rest, "#")
	return strings.TrimRight(value, " \t'\"")
}

// postgresql reads where the server logs, relative to its data, which the file above an included one may have told.
// www.postgresql.org/docs/current/runtime-config-logging.html.
func postgresql(s *Scope, text string) iter.Seq[Place] {
	here := path.Dir(string(s.File))
	set := map[string]string{"data_directory": cmp.Or(s.Vars["data of "+here], s.Vars["data of "+path.Dir(here)], here), "log_directory": "log"}
	for line := range lines(text, "#") {
		key, rest, _ := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		if value := setting(rest); value != "" && set[key] != "" {
			set[key] = value
		}
	}
	s.set("data of "+here, set["data_directory"])
	return func(yield func(Place) bool) {
		dir := set["log_directory"]
		if !strings.HasPrefix(dir, "/") {
			dir = set["data_directory"] + "/" + dir
		}
		yield(Place{Log, schema.Quote(dir) + "/*"})
	}
}

var dataRoot = regexp.MustCompile(`"(?:data-root|graph)"\s*:\s*"([^"]+)"`)

// docker reads where containers are kept when it is not /var/lib/docker. docs.docker.com/engine/daemon.
func docker(_ *Scope, text string) iter.Seq[Place] {
	return func(yield func(Place) bool) {
		for _, m := range dataRoot.FindAllStringSubmatch(text, 4) {
			if !yield(Place{Log, schema.Quote(m[1]) + "/containers/*/*-json.log"}) {
				return
			}
		}
	}
}

// nginx reads what ends in a semicolon or opens a block; # begins a comment. nginx.org/en/docs/ngx_core_module.html.
func nginx(s *Scope, text string) iter.Seq[Place] {
	if s.Base == "" {
		s.Base = path.Dir(string(s.File)) // names are relative to where nginx.conf is
	}
	kinds := map[string]Kind{"access_log": Log, "error_log": Log, "root": Content, "alias": Content, "include": Config, "js_import": Config, "perl_require": Config}
	return func(yield func(Place) bool) {
		var plain strings.Builder
		for line := range lines(text, "#") {
			plain.WriteString(line + "\n")
		}
		for statement := range strings.FieldsFuncSeq(plain.String(), func(r rune) bool { return r == ';' || r == '{' || r == '}' }) {
			args := words(statement)
			if len(args) < 2 || strings.HasPrefix(args[1], "syslog:") || strings.HasPrefix(args[1], "memory:") || args[1] == "off" || args[1] == "stderr" {
				continue
			}
			kind, ok := kinds[args[0]]
			if !ok {
				continue
			}
			name := args[1]
			if kind != Config {
				name = literal(name, dollar)
			}
			if !yield(Place{kind, name}) {
				return
			}
		}
	}
}

var apacheKinds = map[string]Kind{
	"include": Config, "includeoptional": Config, "customlog": Log, "errorlog": Log, "transferlog": Log, "globallog": Log, "forensiclog": Log,
	"scriptlog": Log, "documentroot": Content, "virtualdocumentroot": Content, "secauditlog": Log, "secdebuglog": Log, "jklogfile": Log,
}

// apache reads httpd's directives, and the shell's assignments of envvars. httpd.apache.org/docs/2.4/mod/quickreference.html.
func apache(s *Scope, text string) iter.Seq[Place] {
	if s.Base == "" {
		s.Base = path.Dir(string(s.File)) // until ServerRoot says otherwise
	}
	return func(yield func(Place) bool) {
		for line := range lines(text, "#") {
			args := words(line)
			if name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "="); ok && !strings.ContainsAny(name, " \t<") {
				s.set(name, s.expand(strings.Trim(value, `"'`)))
				continue
			}
			if len(args) < 2 {
				continue
			}
			key, value := strings.ToLower(args[0]), s.expand(args[1])
			kind := apacheKinds[key]
			switch {
			case key == "serverroot":
				s.Base = value
			case key == "define" && len(args) > 2:
				s.set(args[1], s.expand(args[2]))
			case (key == "alias" || key == "scriptalias") && len(args) > 2:
				kind, value = Content, s.expand(args[2])
			case strings.HasPrefix(value, "|"):
				value = piped(value)
			}
			if kind == "" || value == "" || strings.HasPrefix(value, "syslog") {
				continue
			}
			if kind != Config {
				value = strings.ReplaceAll(literal(value, strftime), "\x01", "*")
			}
			if !yield(Place{kind, strings.ReplaceAll(value, "\x01", "*")}) {
				return
			}
		}
	}
}

// piped is the file that a program such as rotatelogs or cronolog writes, the first path among its arguments.
func piped(command string) string {
	args := strings.Fields(strings.TrimLeft(command, "|$"))
	for i, arg := range args {
		if i > 0 && strings.HasPrefix(arg, "/") {
			return arg
		}
	}
	return ""
}

// Bounds of the variables of one product, and of a text in which they are put in, in bytes: a longer one is no path, but
// made to grow.
const (
	maxVars = 1000
	maxText = 4096
)

func (s *Scope) set(name, value string) {
	if len(s.Vars) < maxVars && len(value) < 1024 {
		s.Vars[name] = value
	}
}

// expand puts in the variables that are set, and gives nothing for what is too long to be a path; \x01 stands for those that are not, but for an Apache suffix, which is
// empty unless there are several instances.
func (s *Scope) expand(text string) string {
	if len(text) > maxText {
		return ""
	}
	return dollar.ReplaceAllStringFunc(text, func(v string) string {
		name := strings.Trim(v, "${}")
		if value, ok := s.Vars[name]; ok {
			return value
		}
		if name == "SUFFIX" {
			return ""
		}
		return "\x01"
	})
}

// tomcat reads server.xml, context files and logging.properties. tomcat.apache.org/tomcat-10.1-doc/config.
func tomcat(s *Scope, text string) iter.Seq[Place] {
	conf := path.Dir(string(s.File))
	if i := strings.Index(conf+"/", "/conf/"); i >= 0 {
		s.Base = conf[:i]
	} else if rest, ok := strings.CutPrefix(conf, "/etc/"); ok { // Debian: /etc/tomcat10 is the conf of /var/lib/tomcat10
		s.Base = "/var/lib/" + strings.SplitN(rest, "/", 2)[0]
	}
	base := func(v string) string {
		if len(v) > maxText {
			return ""
		}
		v = strings.NewReplacer("${catalina.base}", s.Base, "${catalina.home}", s.Base).Replace(v)
		return literal(v, dollar)
	}
	return func(yield func(Place) bool) {
		for _, tag := range xmlTag.FindAllString(text, 1000) {
			at := map[string]string{}
			for _, m := range xmlAttr.FindAllStringSubmatch(tag, 64) {
				at[m[1]] = m[2]
			}
			more := true
			switch {
			case strings.HasPrefix(tag, "<Host") && at["appBase"] != "":
				more = yield(Place{Content, base(at["appBase"])})
			case strings.HasPrefix(tag, "<Context") && at["docBase"] != "":
				more = yield(Place{Content, base(at["docBase"])})
			case strings.HasPrefix(tag, "<Valve") && strings.Contains(at["className"], "AccessLog"):
				dir, prefix := at["directory"], at["prefix"]
				if dir == "" {
					dir = "logs"
				}
				if prefix == "" {
					prefix = "access_log"
				}
				more = yield(Place{Log, base(dir + "/" + prefix)})
			}
			if !more {
				return
			}
		}
		for line := range lines(text, "#!<") {
			key, value, ok := strings.Cut(line, "=")
			if ok && strings.HasSuffix(strings.TrimSpace(key), ".directory") && !yield(Place{Log, base(strings.TrimSpace(value)) + "/*"}) {
				return
			}
		}
	}
}

// rsyslog reads both of its languages. www.rsyslog.com/doc/configuration; also syslog-ng's file() and include.
func rsyslog(_ *Scope, text string) iter.Seq[Place] {
	return func(yield func(Place) bool) {
		for line := range lines(text, "#") {
			lower := strings.ToLower(line)
			include := strings.HasPrefix(lower, "$includeconfig") || strings.HasPrefix(lower, "include(") || strings.HasPrefix(lower, "@include")
			var names []string
			for _, m := range quoted.FindAllStringSubmatch(line, 16) {
				names = append(names, m[1])
			}
			if args := strings.Fields(line); len(names) == 0 && len(args) > 1 { // "auth.* -/var/log/auth.log", "*.* ?DynFile"
				names = append(names, strings.TrimPrefix(args[1], "-"))
			}
			for _, name := range names {
				switch {
				case include && strings.Contains(name, "/"):
					if !yield(Place{Config, name}) {
						return
					}
				case strings.HasPrefix(name, "/"):
					if !yield(Place{Log, literal(name, property)}) {
						return
					}
				}
			}
		}
	}
}

// logrotate names every log the host was told to rotate. logrotate(8).
func logrotate(_ *Scope, text string) iter.Seq[Place] {
	return func(yield func(Place) bool) {
		inside, script := false, false
		for line := range lines(text, "#") {
			word := firstWord(line)
			switch {
			case strings.HasSuffix(word, "rotate") && len(word) > 6 || strings.HasSuffix(word, "action"): // postrotate … endscript
				script = true
			case word == "endscript":
				script = false
			case script:
			case word == "include":
				dir := strings.TrimSpace(strings.TrimPrefix(line, word))
				if !yield(Place{Config, dir + "/*"}) || !yield(Place{Config, dir}) {
					return
				}
			case word == "olddir":
				if !yield(Place{Log, strings.TrimSpace(strings.TrimPrefix(line, word)) + "/*"}) {
					return
				}
			case !inside:
				for _, name := range words(strings.TrimRight(line, "{ \t")) {
					if strings.HasPrefix(name, "/") && !yield(Place{Log, name}) {
						return
					}
				}
			}
			inside = (inside || strings.HasSuffix(line, "{")) && line != "}"
		}
	}
}

// history reads where a shell was told to keep what is typed.
func history(_ *Scope, text string) iter.Seq[Place] {
	return func(yield func(Place) bool) {
		for line := range lines(text, "#") {
			for _, word := range words(line) {
				name, value, ok := strings.Cut(word, "=")
				if !ok || name != "HISTFILE" && name != "XONSH_HISTORY_FILE" && name != "histfile" && name != "$XONSH_HISTORY_FILE" {
					continue
				}
				value = strings.NewReplacer("${HOME}", "~", "$HOME", "~").Replace(value)
				if rest, ok := strings.CutPrefix(value, "~"); ok {
					value = "%%users.homedir%%" + literal(rest, dollar)
				} else {
					value = literal(value, dollar)
				}
				if strings.Contains(value, "/") && !yield(Place{Log, value}) {
					return
				}
			}
		}
	}
}

// sshd reads where public keys that open accounts are looked for. sshd_config(5).
func sshd(_ *Scope, text string) iter.Seq[Place] {
	kinds := map[string]Kind{"authorizedkeysfile": Log, "authorizedprincipalsfile": Log, "trustedusercakeys": Log, "revokedkeys": Log, "authorizedkeyscommand": Log, "banner": Log, "include": Config}
	return func(yield func(Place) bool) {
		for line := range lines(text, "#") {
			args := words(strings.Replace(line, "=", " ", 1))
			kind := Kind("")
			if len(args) > 1 {
				kind = kinds[strings.ToLower(args[0])]
			}
			for i := 1; kind != "" && i < len(args); i++ {
				name := args[i]
				if name == "none" {
					continue
				}
				if kind == Log {
					name = literal(bare.ReplaceAllString(name, ""), nil)
					name = strings.NewReplacer("%h", "%%users.homedir%%", "%u", "%%users.username%%", "%U", "*").Replace(name)
					if !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "%%") {
						name = "%%users.homedir%%/" + name
					}
				}
				if strings.Contains(name, "/") && !yield(Place{kind, name}) {
					return
				}
			}
		}
	}
}
