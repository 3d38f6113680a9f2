package registered

import (
	"context"
	"errors"
	"io"
	"strings"
	"unicode/utf16"

	"spor/artifacts"
	"spor/artifacts/schema"
)

// Bounds of what is read of settings in files.
const (
	maxFile  = 4 << 20 // bytes of one
	maxTasks = 10_000
	maxText  = 4096 // bytes of a value in which names are put in, and of what stands for them
)

var errLong = errors.New("longer than a file of settings may be")

// text reads a file of settings; in UTF-16 where it begins so.
func (c *collection) text(p artifacts.Path) (string, error) {
	f, err := c.host.Files.Open(p)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = errLong
	}
	if len(b) > 1 && (b[0] == 0xff && b[1] == 0xfe || b[0] == '<' && b[1] == 0) {
		u := make([]uint16, len(b)/2)
		for i := range u {
			u[i] = uint16(b[2*i]) | uint16(b[2*i+1])<<8
		}
		return string(utf16.Decode(u)), err
	}
	return string(b), err
}

// each reads the files that patterns name, one after the other.
func (c *collection) each(use func(p artifacts.Path, text string) error, patterns ...string) error {
	found, err := schema.Find(c.ctx, c.host, patterns)
	if err != nil {
		return err
	}
	n := 0
	for _, files := range found {
		for _, p := range files {
			if n++; n > maxTasks {
				c.rec.Note(artifacts.Outcome{Path: p, Status: artifacts.Truncated, Reason: "more files of settings than are read"})
				return nil
			}
			if c.ctx.Err() != nil {
				return context.Cause(c.ctx)
			}
			text, err := c.text(p)
			if err != nil {
				c.rec.Note(artifacts.Outcome{Path: p, Status: artifacts.Failed, Reason: "cannot be read for the places it names: " + err.Error()})
				continue
			}
			if err := use(p, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// iis reads where IIS logs, and where the sites lie that it gives out
// (learn.microsoft.com/iis/configuration/system.applicationhost).
func (c *collection) iis() error {
	return c.each(func(p artifacts.Path, text string) error {
		for _, s := range []struct {
			tag, attribute, name string
			below                []string
		}{
			{"logFile", "directory", "iis log", []string{`\**3\*.log`}},
			{"centralW3CLogFile", "directory", "iis log", []string{`\**3\*.log`}},
			{"centralBinaryLogFile", "directory", "iis log", []string{`\**3\*.ibl`}},
			{"traceFailedRequestsLogging", "directory", "iis trace", []string{`\**3\*.xml`}},
			{"virtualDirectory", "physicalPath", "iis site", scripts},
		} {
			for _, says := range attributes(text, s.tag, s.attribute) {
				if err := c.add(record{Setting: s.name, Key: p, Value: s.tag + "/@" + s.attribute, Says: says}, s.below...); err != nil {
					return err
				}
			}
		}
		return nil
	}, `%%environ_systemroot%%\System32\inetsrv\config\applicationHost.config`)
}

// attributes gives the values of an attribute of every element of a name. XML is read as text: a file that is not well
// formed says something too.
func attributes(text, tag, attribute string) (all []string) {
	for len(all) < 1000 {
		_, rest, ok := strings.Cut(text, "<"+tag)
		if !ok {
			return all
		}
		element, after, _ := strings.Cut(rest, ">")
		text = after
		if _, value, ok := strings.Cut(element, " "+attribute+`="`); ok && strings.HasPrefix(element, " ") {
			value, _, _ = strings.Cut(value, `"`)
			all = append(all, strings.ReplaceAll(value, "&amp;", "&"))
		}
	}
	return all
}

// tasks reads the programs that scheduled tasks start, from their files.
func (c *collection) tasks() error {
	return c.each(func(p artifacts.Path, text string) error {
		for range maxFiles {
			_, rest, ok := strings.Cut(text, "<Command>")
			if !ok {
				return nil
			}
			command, after, _ := strings.Cut(rest, "</Command>")
			arguments, _, _ := strings.Cut(after, "</Exec>")
			_, arguments, _ = strings.Cut(arguments, "<Arguments>")
			arguments, _, _ = strings.Cut(arguments, "</Arguments>")
			line := strings.NewReplacer("&quot;", `"`, "&amp;", "&").Replace(command + " " + arguments)
			if err := program(c, &setting{name: "task"}, schema.Value{Key: p, Name: "Command"}, line); err != nil {
				return err
			}
			text = after
		}
		return nil
	}, `%%environ_systemroot%%\System32\Tasks\**10`)
}

// apache finds the configuration of an httpd that runs as a service, and takes the logs and scripts it names
// (httpd.apache.org/docs/2.4/platform/windows.html).
func apache(c *collection, s *setting, v schema.Value, text string) error {
	lower := strings.ToLower(text)
	if !strings.Contains(lower, "httpd.exe") && !strings.Contains(lower, "apache") {
		return nil
	}
	names := files(c.expand(text))
	if len(names) == 0 {
		return nil
	}
	at, ok := c.path(names[0])
	if !ok {
		return nil
	}
	dir, _ := artifacts.Windows.Split(artifacts.Path(at))
	root, _ := artifacts.Windows.Split(dir) // above bin
	if root == "" {
		return nil
	}
	vars := map[string]string{}
	return c.each(func(p artifacts.Path, text string) error {
		return c.httpd(p, text, string(root), vars)
	}, schema.Quote(string(root))+`\conf\**2\*.conf`)
}

// httpd reads one file of Apache's configuration.
func (c *collection) httpd(p artifacts.Path, text, root string, vars map[string]string) error {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		value = strings.TrimSpace(value)
		if key = strings.ToLower(key); key == "define" {
			name, is, _ := strings.Cut(value, " ")
			if len(vars) < 100 && len(is) <= maxText {
				vars[name] = strings.Trim(strings.TrimSpace(is), `"`)
			}
			continue
		}
		for name, is := range vars {
			if len(value) > maxText { // no path, but made to grow
				break
			}
			value = strings.ReplaceAll(value, "${"+name+"}", is)
		}
		says, quoted := strings.CutPrefix(value, `"`)
		if end := strings.IndexAny(says, map[bool]string{true: `"`, false: " \t"}[quoted]); end >= 0 {
			says = says[:end]
		}
		var below []string
		switch key {
		case "serverroot":
			root = says
			continue
		case "customlog", "errorlog", "transferlog", "scriptlog":
			below = []string{"*"} // and those it was rotated into
		case "documentroot":
			below = scripts
		default:
			continue
		}
		if says == "" || strings.HasPrefix(says, "|") || strings.HasPrefix(says, "syslog") {
			continue
		}
		if len(says) < 3 || says[1] != ':' {
			says = root + `\` + says
		}
		if err := c.add(record{Setting: "apache", Key: p, Value: key, Says: says}, below...); err != nil {
			return err
		}
	}
	return nil
}
