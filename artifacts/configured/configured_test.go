package configured_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/artifacts/configured"
	"spor/collect"
	"spor/collect/image"
)

func TestPlaces(t *testing.T) {
	for _, tt := range []struct{ product, file, text, want string }{
		{
			"nginx", "/etc/nginx/nginx.conf", "# access_log /no;\nhttp {\n include sites-enabled/*; include /etc/nginx/mime.types;\n access_log /data/www/$host.log combined buffer=32k;\n error_log \"/data/www/my errors.log\" warn; access_log off; access_log syslog:server=x;\n server { root /srv/shop; location / { alias /srv/[a]/; } } }",
			"configuration sites-enabled/*|configuration /etc/nginx/mime.types|log /data/www/*.log|log /data/www/my errors.log|web root /srv/shop|web root /srv/[[]a]/",
		},
		{
			"apache", "/etc/apache2/apache2.conf", "export APACHE_LOG_DIR=/data/log$SUFFIX\nDefine ROOT /srv/shop\nIncludeOptional sites-enabled/*.conf\n<VirtualHost *:80>\n DocumentRoot \"${ROOT}/html\"\n ErrorLog ${APACHE_LOG_DIR}/error.log\n CustomLog \"|/usr/bin/rotatelogs -l /data/log/a.%Y%m%d 86400\" \\\n   combined\n TransferLog logs/${UNKNOWN}.log\n ErrorLog syslog:local7\n ScriptAlias /cgi/ /srv/cgi/\n",
			"configuration sites-enabled/*.conf|web root /srv/shop/html|log /data/log/error.log|log /data/log/a.***|log logs/*.log|web root /srv/cgi/",
		},
		{
			"tomcat", "/opt/tomcat9/conf/server.xml", `<Server><Host name="localhost" appBase="webapps"><Context path="/x" docBase="/srv/x"/><Valve className="org.apache.catalina.valves.AccessLogValve" directory="${catalina.base}/weblog" prefix="acc" suffix=".txt"/></Host>`,
			"web root webapps|web root /srv/x|log /opt/tomcat9/weblog/acc",
		},
		{"caddy", "/etc/caddy/Caddyfile", "shop.is {\n\troot * /srv/shop\n\tlog {\n\t\toutput file /data/caddy/a.log {\n\t\troll_size 1gb\n}\n}\nimport sites/*.caddy\n}", "web root /srv/shop|log /data/caddy/a.log|configuration sites/*.caddy"},
		{"lighttpd", "/etc/lighttpd/lighttpd.conf", "server.errorlog = \"/data/l.log\"\nserver.document-root=\"/srv/l\"\ninclude \"conf.d/*.conf\"", "log /data/l.log|web root /srv/l|configuration conf.d/*.conf"},
		{"traefik", "/etc/traefik/traefik.yml", "accessLog:\n  filePath: \"/data/t.log\"\nproviders:\n  file:\n    directory: /etc/tr\n", "log /data/t.log|configuration /etc/tr/*"},
		{"rsyslog", "/etc/rsyslog.conf", "auth,authpriv.* -/data/auth.log\n*.* @@loghost\n$IncludeConfig /etc/r.d/*.conf\naction(type=\"omfile\" file=\"/data/x.log\")\n$template Dyn,\"/data/%HOSTNAME%/%$YEAR%.log\"\n", "log /data/auth.log|configuration /etc/r.d/*.conf|log /data/x.log|log /data/*/*.log"},
		{"logrotate", "/etc/logrotate.conf", "include /etc/lr.d\n/data/a/*.log \"/data/b c.log\" {\n weekly\n olddir /data/old\n postrotate\n  /usr/bin/kill /x\n endscript\n}\n/data/z.log\n{\n}\n", "configuration /etc/lr.d/*|configuration /etc/lr.d|log /data/a/*.log|log /data/b c.log|log /data/old/*|log /data/z.log"},
		{"mysql", "/etc/my.cnf", "[mysqld]\nlog-error = /data/m.err\nslow_query_log_file=/data/slow.log\n!includedir /etc/m.d/\n", "log /data/m.err|log /data/slow.log|configuration /etc/m.d//*"},
		{"postgresql", "/etc/postgresql/15/main/postgresql.conf", "data_directory = '/data/pg'\t# x\nlog_directory = 'logs'\nhba_file = '/etc/hba.conf'\n", "log /etc/hba.conf|log /data/pg/logs/*"},
		{"postgresql", "/etc/postgresql/15/main/postgresql.conf", "include_dir = 'conf.d'\t\t# include files ending in '.conf' from\ninclude_dir my.d # x\nlog_directory = 'a#b' # of 'it'\n", "configuration conf.d/*|configuration my.d/*|log /etc/postgresql/15/main/a#b/*"},
		{"mongodb", "/etc/mongod.conf", "systemLog:\n  path: /data/mongo.log\n", "log /data/mongo.log"},
		{"ssh", "/etc/ssh/sshd_config", "AuthorizedKeysFile .ssh/ak %h/.k2 /etc/keys/%u none\nInclude /etc/ssh/x.d/*\n", "log %%users.homedir%%/.ssh/ak|log %%users.homedir%%/.k2|log /etc/keys/%%users.username%%|configuration /etc/ssh/x.d/*"},
		{"samba", "/etc/samba/smb.conf", "log file = /data/smb/log.%m\n", "log /data/smb/log.*"},
		{"systemd", "/etc/systemd/system/x.service", "StandardOutput=append:/data/x.out\nStandardError=journal\n", "log /data/x.out"},
		{"docker", "/etc/docker/daemon.json", `{"data-root": "/data/docker"}`, "log /data/docker/containers/*/*-json.log"},
		{"shell", "/home/anna/.bashrc", "export HISTFILE=\"$HOME/.cache/h\"\nHISTFILE=~/.x\nunset HISTFILE\n", "log %%users.homedir%%/.cache/h|log %%users.homedir%%/.x"},
		{"vpn", "/etc/openvpn/s.conf", "log-append /data/ovpn.log\nstatus /data/st 10\nup /etc/up.sh\n", "log /data/ovpn.log|log /data/st|log /etc/up.sh"},
		{"php", "/etc/php.ini", ";error_log = /no\nerror_log = /data/php.log\nauto_prepend_file = /var/www/.x.php\n", "log /data/php.log|log /var/www/.x.php"},
	} {
		i := slices.IndexFunc(configured.Products, func(p configured.Product) bool { return p.Name == tt.product })
		var got []string
		for p := range configured.Products[i].Parse(&configured.Scope{File: artifacts.Path(tt.file), Vars: map[string]string{}}, tt.text) {
			got = append(got, string(p.Kind)+" "+p.Pattern)
		}
		if strings.Join(got, "|") != tt.want {
			t.Errorf("%s: %s\n got %s\nwant %s", tt.product, tt.text, strings.Join(got, "|"), tt.want)
		}
	}
}

// TestIncludedOfPostgres holds that what is relative in an included file is so to the data the first file names, of each
// cluster its own.
func TestIncludedOfPostgres(t *testing.T) {
	i := slices.IndexFunc(configured.Products, func(p configured.Product) bool { return p.Name == "postgresql" })
	scope := &configured.Scope{Vars: map[string]string{}}
	var got []string
	for _, f := range [][2]string{
		{"/etc/postgresql/15/main/postgresql.conf", "data_directory = '/data/15'\n"},
		{"/etc/postgresql/16/main/postgresql.conf", "data_directory = '/data/16'\n"},
		{"/etc/postgresql/15/main/conf.d/log.conf", "log_directory = 'pg_log'\n"},
	} {
		scope.File = artifacts.Path(f[0])
		for p := range configured.Products[i].Parse(scope, f[1]) {
			got = append(got, p.Pattern)
		}
	}
	if want := []string{"/data/15/log/*", "/data/16/log/*", "/data/15/pg_log/*"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// taken is a sink that keeps the origin of what it gets.
type taken []artifacts.Path

func (s *taken) Put(_ context.Context, it artifacts.Item, r io.Reader) (artifacts.Stored, error) {
	n, err := io.Copy(io.Discard, r)
	if it.Origin != "" {
		*s = append(*s, it.Origin)
	}
	return artifacts.Stored{Size: n}, err
}

// made is a host set up elsewhere than packages do, by an administrator and by an intruder.
var made = map[string]string{
	"etc/nginx/nginx.conf":               "http { include /data/conf/*.conf; include /etc/nginx/nginx.conf; include loop.conf; include /etc/shadow; }",
	"etc/nginx/loop.conf":                "include loop.conf; include nginx.conf; access_log ../../../data/up.log;",
	"etc/shadow":                         "root:secret:",
	"data/conf/shop.conf":                "server { root /data/shop; access_log /data/log/shop.log; error_log /etc/shadow; error_log /gone/x.log; }",
	"data/log/shop.log":                  "now",
	"data/log/shop.log.1.gz":             "before",
	"data/up.log":                        "up",
	"data/shop/index.php":                "<?php",
	"data/shop/a/b/c/shell.jsp":          "<%",
	"data/shop/big.iso":                  "no script",
	"etc/apache2/envvars":                "export APACHE_LOG_DIR=/data/apache\n",
	"etc/apache2/apache2.conf":           "IncludeOptional sites-enabled/*.conf\nDocumentRoot /\n",
	"data/site.conf":                     "CustomLog ${APACHE_LOG_DIR}/site.log combined\n",
	"data/apache/site.log":               "x",
	"home/anna/.bashrc":                  "HISTFILE=~/.cache/.h\n",
	"home/anna/.cache/.h":                "id",
	"etc/ssh/sshd_config":                "AuthorizedKeysFile /etc/keys/%u .ssh/evil\n",
	"etc/keys/anna":                      "ssh-ed25519 A",
	"home/anna/.ssh/evil":                "ssh-ed25519 B",
	"etc/rsyslog.conf":                   "*.* /data/all\n",
	"data/all":                           "x",
	"etc/passwd":                         "anna:x:1000:1000::/home/anna:/bin/sh\n",
	"etc/systemd/system/huge.service":    strings.Repeat("StandardOutput=append:/data/x\n", 50_000),
	"etc/logrotate.d/odd":                strings.Repeat("{", 10_000) + "\x00\xff/..",
	"etc/postgresql/15/main/pg_hba.conf": "x",
}

func TestHost(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a Linux host is made up")
	}
	dir := t.TempDir()
	for name, text := range made {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "etc/apache2/sites-enabled"), 0o755), os.Symlink("/data/site.conf", filepath.Join(dir, "etc/apache2/sites-enabled/s.conf"))); err != nil {
		t.Fatal(err)
	}
	h, err := image.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got taken
	report, err := collect.Run(t.Context(), h, configured.All(), &got, collect.Options{
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Withhold: func(p artifacts.Path) string {
			if p == "/etc/shadow" {
				return "secret"
			}
			return ""
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []artifacts.Path{
		"/data/conf/shop.conf", "/data/log/shop.log", "/data/log/shop.log.1.gz", "/data/up.log", "/data/shop/index.php", "/data/shop/a/b/c/shell.jsp",
		"/data/site.conf", "/data/apache/site.log", "/home/anna/.cache/.h", "/etc/keys/anna", "/home/anna/.ssh/evil", "/data/all",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s was not taken", want)
		}
	}
	for _, not := range []artifacts.Path{"/etc/shadow", "/data/shop/big.iso"} {
		if slices.Contains(got, not) {
			t.Errorf("%s was taken", not)
		}
	}
	for _, want := range []artifacts.Outcome{
		{Source: "configured", Path: "/gone/x.log*", Status: artifacts.Absent},
		{Source: "webroots", Path: "/", Status: artifacts.Skipped, Reason: "a web root as wide as this is not searched"},
		{Source: "configured", Path: "/etc/shadow", Status: artifacts.Skipped, Reason: "secret"},
		{Source: "configured", Path: "/etc/systemd/system/huge.service", Status: artifacts.Failed, Reason: "cannot be read for the places it names: longer than a configuration file may be"},
	} {
		if !slices.Contains(report.Outcomes.List(), want) {
			t.Errorf("no outcome %+v", want)
		}
	}
}

// FuzzParse holds that no parser fails, or gives more places than its text has bytes.
func FuzzParse(f *testing.F) {
	for _, text := range made {
		f.Add(text[:min(len(text), 2000)])
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range configured.Products {
			n := 0
			for range p.Parse(&configured.Scope{File: "/etc/x/conf/x.conf", Vars: map[string]string{}}, text) {
				n++
			}
			if n > len(text)+1 {
				t.Errorf("%s gives %d places for %d bytes", p.Name, n, len(text))
			}
		}
	})
}

// TestRead shows the texts of one product alone, with what it includes.
func TestRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a Linux host is made up")
	}
	dir := t.TempDir()
	for name, text := range made {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	h, err := image.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := configured.Read(t.Context(), h, func(text string) { got = append(got, text) }, "nginx"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"etc/nginx/nginx.conf", "data/conf/shop.conf", "etc/nginx/loop.conf"} {
		if !slices.Contains(got, made[name]) {
			t.Errorf("%s is not shown", name)
		}
	}
	if slices.Contains(got, made["etc/apache2/envvars"]) {
		t.Error("another product's configuration is shown")
	}
}
