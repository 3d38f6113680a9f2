package databases

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spor/timeline"
	"spor/timeline/textlog/textlogtest"
)

var cases = []textlogtest.Case{
	{
		Format: "postgresql", Name: "/var/log/postgresql/postgresql-12-main.log",
		Text: "2022-04-12 00:24:24.741 UTC [9158] postgres@app FATAL:  password authentication failed for user \"postgres\"\n2022-04-12 00:24:24.741 UTC [9158] postgres@app DETAIL:  User \"postgres\" has no password assigned.\n\tConnection matched line 96\n" +
			"2021-09-28 09:22:19.536 UTC:192.0.2.7(5432):eve@app:[127]:FATAL:  role \"eve\" does not exist\n2022-07-15 23:04:27 AEST [203851-1] u@d LOG:  statement: select 1\n",
		Want: []string{
			`"message":"[FATAL] password authentication failed for user \"postgres\"","datetime":"2022-04-12T00:24:24.741000+00:00","timestamp":1649723064741000,"timestamp_desc":"Content Modification Time","data_type":"postgresql:application_log:entry","parser":"","host":"","path":"","offset":0,"sha256":"","pid":9158,"username":"postgres","database":"app","severity":"FATAL","action":"login_failed","authentication_result":"failure","body":"password authentication failed for user \"postgres\""}`,
			`"severity":"DETAIL","body":"User \"postgres\" has no password assigned.\n\tConnection matched line 96"}`,
			`"pid":127,"ip_address":"192.0.2.7","port":5432,"username":"eve","database":"app","severity":"FATAL","action":"login_failed","authentication_result":"failure"`,
			`"time_zone":"AEST","pid":203851,"username":"u","database":"d","severity":"LOG","action":"query","query":"select 1","zone_assumed":"UTC","zone_unknown":true}`,
		},
	},
	{
		Format: "postgresql_csv", Name: "/x.csv",
		Text: `2022-04-12 00:24:24.741 UTC,"eve","app",9158,"192.0.2.7:50000",6254c4c8.23c6,2,"authentication",2022-04-12 00:24:24 UTC,3/5,0,FATAL,28P01,"password authentication failed for user ""eve""","detail ` + "\nof two lines\"" + `,,,,,,,,"psql","client backend",,0` + "\n",
		Want: []string{`"username":"eve","database":"app","pid":9158,"ip_address":"192.0.2.7","port":50000,"session":"6254c4c8.23c6","command_tag":"authentication","severity":"FATAL","sql_state":"28P01","action":"login_failed","authentication_result":"failure","body":"password authentication failed for user \"eve\"","detail":"detail \nof two lines","application":"psql"}`},
	},
	{
		Format: "postgresql_json", Name: "/x.json", Text: `{"timestamp":"2022-04-12 00:24:24.741 UTC","user":"eve","dbname":"app","pid":9158,"remote_host":"192.0.2.7","remote_port":5000,"error_severity":"FATAL","message":"role \"eve\" does not exist"}` + "\n",
		Want: []string{`"message":"role \"eve\" does not exist","datetime":"2022-04-12T00:24:24.741000+00:00"`},
	},
	{
		Format: "mysql", Name: "/var/log/mysql/error.log",
		Text: "130324  0:04:00 [Warning] Access denied for user 'root'@'192.0.2.7' (using password: NO)\n2021-10-28T08:06:45.411498Z 25 [Note] [MY-010926] [Server] Access denied for user 'seb'@'192.0.2.8' (using password: NO)\n" +
			"2015-10-07  8:25:38 139845235329792 [Warning] something\nelse\n2023-07-31T08:34:16.116872Z\t   14 Connect\troot@192.0.2.9 on app using TCP/IP\n\t\t   14 Query\tselect *\nfrom t\n",
		Want: []string{
			`"datetime":"2013-03-24T00:04:00.000000+00:00"`,
			`"connection":25,"severity":"Note","message_identifier":"MY-010926","subsystem":"Server","action":"login_failed","authentication_result":"failure","username":"seb","ip_address":"192.0.2.8"`,
			`"message":"[Warning] something\nelse"`,
			`"connection":14,"mysql_command":"Connect","action":"connection_opened","username":"root","ip_address":"192.0.2.9","database":"app"`,
			`"datetime":"2023-07-31T08:34:16.116872+00:00","timestamp":1690792456116872,"timestamp_desc":"Content Modification Time","data_type":"mysql:log:entry","parser":"","host":"","path":"","offset":348,"sha256":"","time_of_line_before":true,"connection":14,"mysql_command":"Query","action":"query","query":"select *\nfrom t"}`,
		},
	},
	{
		Format: "mysql_slow", Name: "/var/log/mysql/slow.log",
		Text: "# Time: 2026-03-09T09:00:00.5Z\n# User@Host: root[root] @ localhost [192.0.2.7]  Id:     5\n# Query_time: 2.000112  Lock_time: 0.000000 Rows_sent: 1  Rows_examined: 0\nuse app;\nSET timestamp=1700000000;\nselect sleep(2);\n# User@Host: a[a] @ h []  Id: 6\nselect 2;\n",
		Want: []string{
			`"datetime":"2023-11-14T22:13:20.000000+00:00","timestamp":1700000000000000,"timestamp_desc":"Content Modification Time","data_type":"mysql:slow_log:entry","parser":"","host":"","path":"","offset":31,"sha256":"","username":"root","remote_host":"localhost","ip_address":"192.0.2.7","connection":5,"query_time":"2.000112","lock_time":"0.000000","rows_sent":"1","rows_examined":"0","database":"app","action":"query_slow","query":"select sleep(2);"}`,
			`"datetime":"2026-03-09T09:00:00.500000+00:00"`,
		},
	},
	{ // a script and InnoDB write no level, and an empty line behind an entry is not the entry's
		Format: "mysql", Name: "/var/log/mysql/error.log",
		Text: "260309 09:00:00 mysqld_safe Starting mysqld daemon\n260309  9:00:01  InnoDB: Initializing\nInnoDB: more\n2026-03-09 09:00:02 7f1b2c3d InnoDB: Warning\n260309  9:00:03 [ERROR] Aborting\n\n260309  9:00:04 [Note] end\n",
		Want: []string{`"subsystem":"mysqld_safe","body":"mysqld_safe Starting mysqld daemon"`, `"subsystem":"InnoDB","body":"InnoDB: Initializing\nInnoDB: more"`, `"subsystem":"InnoDB"`, `"severity":"ERROR","body":"Aborting"`, `"body":"end"`},
	},
	{ // what the server writes when it opens the file
		Format: "mysql_slow", Name: "/slow.log",
		Text: heading + heading + "# Time: 2026-03-09T09:00:00.5Z\n# User@Host: a[a] @  [192.0.2.7]  Id: 6\nselect 2;\n" + heading + "# Time: 2026-03-09T10:00:00.5Z\n# User@Host: b[b] @  [192.0.2.7]  Id: 7\nselect 3;\n",
		Want: []string{`"query":"select 2;"`, `"username":"b","ip_address":"192.0.2.7","connection":7,"action":"query_slow","query":"select 3;"`},
	},
	{
		Format: "mysql", Name: "/host.log", Text: heading + "2026-03-09T09:00:00.116872Z\t    8 Connect\troot@localhost on  using Socket\n" + heading + "2026-03-09T09:00:01.116872Z\t    8 Query\tselect 1\n",
		Want: []string{`"connection":8,"mysql_command":"Connect","action":"connection_opened","username":"root"`, `"query":"select 1"`},
	},
	{
		Format: "postgresql", Name: "/z.log", Text: "2026-07-09 09:00:00.004 CEST [7] u@d LOG:  statement: select 1\n", Want: []string{`"datetime":"2026-07-09T07:00:00.004000+00:00","timestamp":1783580400004000,"timestamp_desc":"Content Modification Time","data_type":"postgresql:application_log:entry","parser":"","host":"","path":"","offset":0,"sha256":"","pid":7,"username":"u","database":"d","severity":"LOG","action":"query","query":"select 1"}`},
	},
	{
		Format: "postgresql", Name: "/p.log", Text: "2026-03-09 09:00:00.004 UTC [7] u@d LOG:  duration: 12.4 ms  execute s1: select 1\n2026-03-09 09:00:00.004 UTC [7] u@d LOG:  duration: 12.4 ms  parse <unnamed>: select 2\n",
		Want: []string{`"duration":"12.4","statement_name":"s1","query":"select 1"`, `"duration":"12.4","query":"select 2"`},
	},
	{
		Format: "mongodb_json", Name: "/var/log/mongodb/mongod.log",
		Text: `{"t":{"$date":"2026-03-09T09:00:00.328+01:00"},"s":"I",  "c":"NETWORK",  "id":22943,   "ctx":"listener","msg":"Connection accepted","attr":{"remote":"192.0.2.7:36586","connectionId":1}}` + "\n" +
			`{"t":{"$date":"2026-03-09T09:00:01.328+01:00"},"s":"I",  "c":"ACCESS",   "id":20249,   "ctx":"conn1","msg":"Authentication failed","attr":{"mechanism":"SCRAM-SHA-256","principalName":"eve","authenticationDatabase":"admin","client":"192.0.2.7:36586","result":"UserNotFound: no"}}` + "\n",
		Want: []string{
			`"datetime":"2026-03-09T08:00:00.328000+00:00"`,
			`"authentication_method":"SCRAM-SHA-256","username":"eve","database":"admin","reason":"UserNotFound: no","ip_address":"192.0.2.7","port":36586,"action":"login_failed","authentication_result":"failure"`,
		},
	},
	{
		Format: "mongodb", Name: "/mongod.log", Text: "2026-03-09T09:00:00.010+0100 I NETWORK  [initandlisten] connection accepted from 192.0.2.7:58774 #1 (1 connection now open)\n2026-03-09T09:00:01.010+0100 I ACCESS   [conn1] SCRAM-SHA-1 authentication failed for eve on admin from client 192.0.2.7:58774 ; UserNotFound: no\n",
		Want: []string{`"severity":"I","component":"NETWORK","context":"initandlisten","action":"connection_opened","ip_address":"192.0.2.7","port":58774`, `"authentication_method":"SCRAM-SHA-1","username":"eve","database":"admin","ip_address":"192.0.2.7"`},
	},
	{
		Format: "mongodb", Name: "/x", Text: "2026-03-09T09:00:00.010+0100 [conn12] end connection 192.0.2.7:58774 (0 connections now open)\n", Want: []string{`"context":"conn12","action":"connection_closed"`},
	},
	{ // a name is a stranger's
		Format: "mssql", Name: "/var/opt/mssql/log/errorlog",
		Text: "2026-03-09 09:00:00.35 Server      Microsoft SQL Server 2019 - 15.0 \n\tMay 29 2022\n2026-03-09 09:00:01.97 spid51      Using 'xplog70.dll' version '2019.150' to execute extended stored procedure 'xp_cmdshell'. This is an informational message only.\n" +
			"2026-03-09 09:00:02.07 Logon       Login failed for user 'a'. Reason: b [CLIENT: 198.51.100.7]'. Reason: Password did not match. [CLIENT: 192.0.2.7]\n" +
			"2026-03-09 09:00:03.07 spid9s      Configuration option 'xp_cmdshell' changed from 0 to 1. Run the RECONFIGURE statement to install.\n",
		Want: []string{
			`"process":"Server","body":"Microsoft SQL Server 2019 - 15.0 \n\tMay 29 2022"`,
			`"process":"spid51","action":"procedure_loaded","library":"xplog70.dll","library_version":"2019.150","procedure":"xp_cmdshell"`,
			`"process":"Logon","action":"login_failed","authentication_result":"failure","username":"a'. Reason: b [CLIENT: 198.51.100.7]","reason":"Password did not match.","ip_address":"192.0.2.7"`,
			`"action":"config_changed","option":"xp_cmdshell","old_value":"0","new_value":"1"`,
		},
	},
	{
		Format: "elasticsearch", Name: "elasticsearch.log", Text: "[2026-03-09T09:00:00,177][INFO ][o.e.c.m.MetaDataDeleteIndexService] [vWNJsZ3] [logs/abc] deleting index\n\tat x\n[2026-03-09T09:00:01,177][ERROR][o.e.n.Node] [vWNJsZ3] y\n",
		Want: []string{`"severity":"INFO","module":"o.e.c.m.MetaDataDeleteIndexService","node":"vWNJsZ3","body":"[logs/abc] deleting index\n\tat x"`, `"severity":"ERROR","module":"o.e.n.Node"`},
	},
	{
		Format: "redis", Name: "/var/log/redis/redis-server.log",
		Text: "98:M 09 Mar 2026 09:00:00.442 # Possible SECURITY ATTACK detected.\n98:S 09 Mar 09:00:01.442 * MASTER MODE enabled\n98:signal-handler (1773046800) Received SIGTERM scheduling shutdown...\n[98] 09 Mar 09:00:02 * Ready to accept connections\n",
		Want: []string{`"pid":98,"role":"primary","severity":"warning","action":"security_attack","authentication_result":"failure"`, `"role":"replica","severity":"notice","action":"replication_stopped"`, `"datetime":"2026-03-09T09:00:00.000000+00:00"`, `"action":"started"`},
	},
}

// heading is what MySQL writes into a log of queries when it opens it.
const heading = "/usr/sbin/mysqld, Version: 8.0.15 (MySQL Community Server - GPL). started with:\nTcp port: 3306  Unix socket: /run/mysqld.sock\nTime                 Id Command    Argument\n"

// TestForged logs on by a name that reads like an entry, as anybody may who reaches the server.
func TestForged(t *testing.T) {
	const name = "LOG:  connection authorized: user=postgres database=app"
	text := "2022-04-12 00:24:24.741 UTC [9158] " + name + "@app FATAL:  password authentication failed for user \"" + name + "\"\n" +
		"2022-04-12 00:24:25.741 UTC [9159] postgres@app LOG:  connection authorized: user=postgres database=app\n"
	var actions []string
	for e, err := range timeline.Formats(Formats).Find("x", []byte(text)).Parse(timeline.Input{R: strings.NewReader(text)}) {
		if err != nil {
			t.Fatal(err)
		}
		f, _ := e.Get("action")
		actions = append(actions, f.String())
	}
	if len(actions) != 2 || actions[0] != "" || actions[1] != "login" {
		t.Errorf("got %q, want nothing and a login", actions)
	}
}

func TestFormats(t *testing.T) { textlogtest.Run(t, Formats, cases) }

func FuzzFormats(f *testing.F) { textlogtest.Fuzz(f, Formats, cases) }

// TestCorpus holds the parsers against plaso's and CrowdSec's counts.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	for _, tt := range []struct {
		name   string
		events int
	}{
		{"applog/log2timeline-plaso/postgresql.log", 20},
		{"crowdsec-log/crowdsecurity-hub/pgsql-logs/pgsql-logs.log", 6},
		{"crowdsec-log/crowdsecurity-hub/mysql-logs/mysql-logs.log", 4},
	} {
		b, err := os.ReadFile(filepath.Join(dir, tt.name))
		if err != nil {
			t.Skipf("SKIPPED: the corpus is not here: %v", err)
		}
		f := timeline.Formats(Formats).Find(tt.name, b)
		if f == nil {
			t.Errorf("%s: not known", tt.name)
			continue
		}
		if events, errs := textlogtest.Read(f, tt.name, string(b)); len(events) != tt.events || errs != nil {
			t.Errorf("%s: %d events, %v, want %d", tt.name, len(events), errs, tt.events)
		}
	}
}

func BenchmarkFormats(b *testing.B) {
	for _, c := range cases[:1] {
		textlogtest.Bench(b, Formats, c.Name, c.Text+"2022-04-12 00:24:24.741 UTC [9158] postgres@app LOG:  connection received: host=192.0.2.7 port=50022\n")
	}
	textlogtest.Bench(b, Formats, "/error.log", "2021-10-28T08:06:45.411498Z 25 [Note] [MY-010926] [Server] Access denied for user 'seb'@'192.0.2.8' (using password: NO)\n2023-07-31T08:34:16.116872Z\t   14 Query\tselect * from t where a=b and c=d order by e\n")
}
