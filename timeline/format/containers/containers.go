// Package containers reads the logs of containers and what runs them, and of machines in a cloud when they begin:
//
//   - Docker's json-file driver: daemon/logger/jsonfilelog of moby 27
//   - CRI: "2016-10-06T00:17:09.669794202Z stdout F text" (kubernetes/design-proposals-archive, node/kubelet-cri-logging.md)
//   - klog, of kubelet and the control plane: "I0504 14:10:00.123456    1234 server.go:12] text" (k8s.io/klog, klog.go)
//   - the audit log of Kubernetes: audit.k8s.io/v1 Event
//   - logfmt as dockerd, containerd and many Go programs write it: time="…" level=info msg="…"
//   - cloud-init 24: cloud-init.log, and cloud-init-output.log, whose stages begin with a date (cloudinit/cmd/main.py)
package containers

import (
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/textlog"
)

// Formats are the parsers of this package, the strictest first.
var Formats = []*timeline.Format{
	docker.Dialect().Format(),
	kubernetes.Dialect().Format(),
	(&textlog.Dialect{Name: "cri_container_log", Type: "cri:container:log:entry", Begin: criBegin, Single: true, Read: cri}).Format(),
	(&textlog.Dialect{Name: "klog", Type: "kubernetes:klog:entry", Begin: klogBegin, Read: klog}).Format(),
	(&textlog.Dialect{Name: "logfmt", Type: "logfmt:entry", Begin: logfmtBegin, Read: logfmt}).Format(),
	(&textlog.Dialect{Name: "cloud_init", Type: "cloud_init:log:entry", Begin: cloudBegin, Read: cloud}).Format(),
	(&textlog.Dialect{Name: "cloud_init_output", Type: "cloud_init:output:entry", Begin: stageBegin, Long: true, Read: stage}).Format(),
}

var docker = textlog.JSONLog{
	Name: "docker_container_log", Type: "docker:container:log:entry", Marks: []string{`{"log":`, `"time":"`}, Time: "time", Say: "log",
	Names: map[string]string{"log": "body", "stream": "source", "attrs.tag": "tag"},
	Done:  func(e *textlog.Entry) { e.Message = trimmed(e.Message) },
}

func trimmed(s string) string {
	if s = strings.TrimRight(s, "\r\n"); s == "" {
		return "(empty line)"
	}
	return s
}

var kubernetes = textlog.JSONLog{
	Name: "kubernetes_audit", Type: "kubernetes:audit:event", Marks: []string{`"apiVersion":"audit.k8s.io/`, `"auditID":"`}, Time: "requestReceivedTimestamp",
	Names: map[string]string{
		"verb": "verb", "user.username": "username", "user.groups": "group", "sourceIPs": "ip_address", "requestURI": "url", "objectRef.resource": "resource",
		"objectRef.namespace": "namespace", "objectRef.name": "resource_name", "responseStatus.code": "status_code", "userAgent": "user_agent", "stage": "stage",
		"impersonatedUser.username": "target_username", "auditID": "audit_identifier", "objectRef.subresource": "subresource",
		"annotations.authorization.k8s.io/decision": "decision",
	},
	Done: func(e *textlog.Entry) {
		var verb, url, user string
		for i := range e.Fields {
			switch f := &e.Fields[i]; f.Name {
			case "verb":
				verb = f.String()
			case "url":
				url = f.String()
			case "username":
				user = f.String()
			}
		}
		e.Did("kubernetes_request", "")
		e.Message = e.Join(user, " ", verb, " ", url)
	},
}

func criBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.RFC3339(line)
	if n == 0 || len(line) < n+9 {
		return s, 0, false
	}
	stream := line[n : n+8]
	flag := line[n+8]
	return s, n, (stream == " stdout " || stream == " stderr ") && (flag == 'F' || flag == 'P')
}

func cri(e *textlog.Entry) {
	w := e.Words()
	e.Add("source", w[1:7])
	if w[8] == 'P' {
		e.Flag("partial")
	}
	body := strings.TrimPrefix(w[9:], " ")
	e.Add("body", body)
	e.Message = trimmed(body)
}

var klogLevels = map[byte]string{'I': "INFO", 'W': "WARNING", 'E': "ERROR", 'F': "FATAL"}

func klogBegin(line string) (dates.Stamp, int, bool) {
	if line == "" || klogLevels[line[0]] == "" {
		return dates.Stamp{}, 0, false
	}
	s, n := dates.Klog(line[1:])
	return s, n + 1, n > 0 && strings.Contains(line[n:], "] ")
}

func klog(e *textlog.Entry) {
	e.Add("severity", klogLevels[e.Text[0]])
	head, words, _ := strings.Cut(e.Words(), "] ")
	pid, place, _ := strings.Cut(strings.TrimLeft(head, " "), " ")
	e.Digits("pid", pid)
	e.Add("code_location", place)
	e.Add("body", words)
	e.Message = trimmed(words)
}

func logfmtBegin(line string) (dates.Stamp, int, bool) {
	for _, word := range [...]string{`time="`, `ts=`, `t=`, `time=`} {
		if rest, ok := strings.CutPrefix(line, word); ok {
			s, n := dates.RFC3339(rest)
			return s, len(word) + n, n > 0 && (strings.Contains(rest, " level=") || strings.Contains(rest, " lvl=") || strings.Contains(rest, " msg="))
		}
	}
	return dates.Stamp{}, 0, false
}

func logfmt(e *textlog.Entry) {
	n := 0
	for k, v := range textlog.Pairs(e.Words()) {
		if n++; n > 64 {
			break
		}
		switch k {
		case "level", "lvl":
			e.Add("severity", v)
		case "msg":
			e.Add("body", v)
			e.Message = strings.ReplaceAll(v, `\"`, `"`)
		default:
			e.Add(k, v)
		}
	}
	if e.Message == "" {
		e.Message = strings.TrimSpace(e.Text)
	}
}

// cloudBegin reads "2026-05-20 09:00:00,123 - util.py[DEBUG]: text".
func cloudBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.ISO(line)
	if n == 0 || !strings.HasPrefix(line[n:], " - ") {
		return s, 0, false
	}
	place, _, ok := strings.Cut(line[n+3:], "]: ")
	return s, n, ok && strings.Contains(place, ".py[")
}

func cloud(e *textlog.Entry) {
	place, words, _ := strings.Cut(strings.TrimPrefix(e.Words(), " - "), "]: ")
	file, level, _ := strings.Cut(place, "[")
	e.Add("code_location", file)
	e.Add("severity", level)
	if command, ok := strings.CutPrefix(words, "Running command "); ok {
		e.Did("command", "")
		e.Add("command", command)
	}
	e.Add("body", words)
	e.Message = trimmed(words)
}

const stageWords = "Cloud-init v. "

// stageBegin reads "Cloud-init v. 24.1 running 'init' at Fri, 20 Nov 2026 09:00:00 +0000. Up 5.12 seconds."
func stageBegin(line string) (dates.Stamp, int, bool) {
	rest, ok := strings.CutPrefix(line, stageWords)
	_, rest, ok2 := strings.Cut(rest, " at ")
	_, rest, ok3 := strings.Cut(rest, ", ")
	s, n := dates.Apache(rest)
	return s, 0, ok && ok2 && ok3 && n > 0
}

// stage reads what one stage and the programs it ran wrote.
func stage(e *textlog.Entry) {
	first, output, _ := strings.Cut(e.Text, "\n")
	version, rest, _ := strings.Cut(first[len(stageWords):], " ")
	verb, _, _ := strings.Cut(rest, " at ")
	e.Add("version", version)
	e.Add("stage", verb)
	e.Add("output", strings.TrimSpace(output))
	e.Message = first
}
