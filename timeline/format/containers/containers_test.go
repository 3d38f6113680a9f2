package containers

import (
	"strings"
	"testing"

	"spor/timeline/textlog/textlogtest"
)

var cases = []textlogtest.Case{
	{
		Format: "docker_container_log", Name: "/var/lib/docker/containers/ab/ab-json.log",
		Text: `{"log":"\u001b]0;root@e7d0b7ea5ccf: /home\u0007# ls\r\n","stream":"stdout","time":"2016-01-07T16:49:05.629660069Z"}` + "\n" + `{"log":"\n","stream":"stderr","attrs":{"tag":"web"},"time":"2016-01-07T16:49:06Z"}` + "\n" + `{"log":"x","stream":"stdout","time":"2016-01-0` + "\n",
		Want: []string{
			`"timestamp_desc":"Content Modification Time","data_type":"docker:container:log:entry","parser":"","host":"","path":"","offset":0,"sha256":"","nanosecond":69,"body":"\u001b]0;root@e7d0b7ea5ccf: /home\u0007# ls\r\n","source":"stdout"}`,
			`"message":"(empty line)","datetime":"2016-01-07T16:49:06.000000+00:00"`,
		},
		Errors: 1,
	},
	{
		Format: "kubernetes_audit", Name: "/var/log/kubernetes/audit.log",
		Text: `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a-b","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/x/secrets","verb":"list","user":{"username":"eve","groups":["a"]},"sourceIPs":["192.0.2.7"],"objectRef":{"resource":"secrets","namespace":"x"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-03-09T09:00:00.123456Z"}` + "\n",
		Want: []string{`"message":"eve list /api/v1/namespaces/x/secrets","datetime":"2026-03-09T09:00:00.123456+00:00"`},
	},
	{Format: "cri_container_log", Name: "/var/log/pods/x/0.log", Text: "2016-10-06T00:17:09.669794202Z stdout F The content 1\n2016-10-06T00:17:10.113242941+02:00 stderr P part\n", Want: []string{
		`"message":"The content 1","datetime":"2016-10-06T00:17:09.669794+00:00"`, `"source":"stderr","partial":true,"body":"part"`,
	}},
	{Format: "klog", Name: "/var/log/kubelet.log", Text: "I0309 14:10:00.123456    1234 server.go:12] started\n and more\n", Want: []string{`"message":"started\n and more","datetime":"2026-03-09T14:10:00.123456+00:00"`}},
	{Format: "logfmt", Name: "/var/log/docker.log", Text: `time="2026-03-09T09:00:00.1Z" level=warning msg="a \"b\"" id=5` + "\n", Want: []string{`"message":"a \"b\"","datetime":"2026-03-09T09:00:00.100000+00:00"`}},
	{Format: "cloud_init", Name: "/var/log/cloud-init.log", Text: "2026-03-09 09:00:00,123 - subp.py[DEBUG]: Running command ['useradd', 'eve'] with allowed return codes [0]\n", Want: []string{`"code_location":"subp.py","severity":"DEBUG","action":"command","command":"['useradd', 'eve'] with`}},
	{
		Format: "cloud_init_output", Name: "/var/log/cloud-init-output.log",
		Text: "Cloud-init v. 24.1 running 'init' at Mon, 09 Mar 2026 09:00:00 +0000. Up 5.12 seconds.\nci-info: eth0\nGet:1 http://x\nCloud-init v. 24.1 finished at Mon, 09 Mar 2026 09:01:00 +0000. Datasource DataSourceNone.  Up 65.1 seconds\n",
		Want: []string{`"datetime":"2026-03-09T09:00:00.000000+00:00"`, `"datetime":"2026-03-09T09:01:00.000000+00:00"`},
	},
}

// TestLongLine knows a file whose first line is longer than what a format is shown.
func TestLongLine(t *testing.T) {
	textlogtest.Run(t, Formats, []textlogtest.Case{{
		Format: "docker_container_log", Name: "/x-json.log", Text: `{"log":"` + strings.Repeat("x", 9000) + `","stream":"stdout","time":"2016-01-07T16:49:05Z"}` + "\n",
		Want: []string{`"datetime":"2016-01-07T16:49:05.000000+00:00"`},
	}})
}

func TestFormats(t *testing.T) { textlogtest.Run(t, Formats, cases) }

func FuzzFormats(f *testing.F) { textlogtest.Fuzz(f, Formats, cases) }

func BenchmarkFormats(b *testing.B) {
	textlogtest.Bench(b, Formats, "/x-json.log", `{"log":"192.0.2.7 - - [09/Mar/2026:09:00:00 +0000] \"GET / HTTP/1.1\" 200 12\n","stream":"stdout","time":"2016-01-07T16:49:05.629660069Z"}`+"\n")
	textlogtest.Bench(b, Formats, "/0.log", "2016-10-06T00:17:09.669794202Z stdout F The content 1 of some length as they are\n")
	textlogtest.Bench(b, Formats, "/kubelet.log", "I0309 14:10:00.123456    1234 server.go:12] started some thing of some length as they are\n")
}
