package syslog

import (
	"testing"

	"spor/timeline/textlog/textlogtest"
)

var exports = []textlogtest.Case{
	{
		Format: "journal_export", Name: "/x.export",
		Text: "__CURSOR=s=a\n__REALTIME_TIMESTAMP=1342540861416351\n_HOSTNAME=web01\nSYSLOG_IDENTIFIER=sshd\n_PID=77\nMESSAGE=Failed password for root from 192.0.2.7 port 5 ssh2\n\n__CURSOR=s=b\n__REALTIME_TIMESTAMP=x\nMESSAGE=\n",
		Want: []string{
			`"message":"[sshd, pid: 77] Failed password for root from 192.0.2.7 port 5 ssh2","datetime":"2012-07-17T16:01:01.416351+00:00","timestamp":1342540861416351,"timestamp_desc":"Content Modification Time","data_type":"systemd:journal","parser":"","host":"","path":"","offset":0,"sha256":"","hostname":"web01","reporter":"sshd","pid":77,"body":"Failed password for root from 192.0.2.7 port 5 ssh2","action":"login_failed"`,
			`"message":"(empty line)"`,
		},
	},
	{
		Format: "journal_json", Name: "/x.json", Text: `{"__CURSOR":"s=a","__REALTIME_TIMESTAMP":"1342540861416351","SYSLOG_IDENTIFIER":"sudo","MESSAGE":"ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh"}` + "\n",
		Want: []string{`"reporter":"sudo","body":"ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh","action":"sudo","authentication_result":"success","username":"ann"`},
	},
}

func TestExports(t *testing.T) { textlogtest.Run(t, Exports, exports) }

func FuzzExports(f *testing.F) { textlogtest.Fuzz(f, Exports, exports) }
