package php

import (
	"testing"

	"spor/timeline/textlog/textlogtest"
)

var cases = []textlogtest.Case{
	{
		Format: "php_error", Name: "/var/log/php_errors.log",
		Text: "[09-Mar-2026 09:00:00 UTC] PHP Warning:  Undefined variable $x in \"a\" in /var/www/up loads/x.php on line 3\n" +
			"[09-Mar-2026 09:00:01 Europe/Oslo] PHP Fatal error:  Uncaught Error: Call to undefined function system() in /var/www/a.php:7\nStack trace:\n#0 /x.php(2): f('a in b on line 4')\n#1 {main}\n  thrown in /var/www/a.php on line 7\n" +
			"[09-Mar-2026 09:00:02 UTC] what a script wrote\n",
		Want: []string{
			`"message":"PHP Warning:  Undefined variable $x in \"a\" in /var/www/up loads/x.php on line 3","datetime":"2026-03-09T09:00:00.000000+00:00","timestamp":1773046800000000,"timestamp_desc":"Content Modification Time","data_type":"webserver:error","parser":"","host":"","path":"","offset":0,"sha256":"","severity":"warning","filename":"/var/www/up loads/x.php","line":3,"module":"php"`,
			`"zone_told":"Europe/Oslo","severity":"fatal","filename":"/var/www/a.php","line":7,"module":"php"`,
			`"message":"what a script wrote"`,
		},
	},
	{
		Format: "php_fpm", Name: "/var/log/php8.2-fpm.log",
		Text: "[09-Mar-2026 09:00:00] NOTICE: fpm is running, pid 812\n[09-Mar-2026 09:00:01.250000] WARNING: [pool www] child 9 said into stderr: \"PHP message: x\"\n" +
			"[09-Mar-2026 09:00:02] WARNING: [pool www] child 9, script '/var/www/x.php' (request: \"POST /x.php?a=b\") executing too slow (5.03 sec), logging\n",
		Want: []string{
			`"severity":"notice","action":"started","pid":812,"body":"fpm is running, pid 812","zone_assumed":"UTC","zone_unknown":true}`,
			`"datetime":"2026-03-09T09:00:01.250000+00:00"`,
			`"action":"script_slow","pool":"www","pid":9,"filename":"/var/www/x.php","request":"POST /x.php?a=b","seconds":"5.03"`,
		},
	},
	{
		Format: "php_fpm_slow", Name: "/var/log/php-fpm/www-slow.log",
		Text: "\n[09-Mar-2026 09:00:00]  [pool www] pid 17\nscript_filename = /var/www/x.php\n[0x00007f2b8c4140d0] sleep() /var/www/x.php:3\n[0x00007f2b8c414020] {main} /var/www/x.php:1\n",
		Want: []string{`"message":"slow: /var/www/x.php [0x00007f2b8c4140d0] sleep() /var/www/x.php:3","datetime":"2026-03-09T09:00:00.000000+00:00"`},
	},
}

func TestFormats(t *testing.T) { textlogtest.Run(t, Formats, cases) }

func FuzzFormats(f *testing.F) { textlogtest.Fuzz(f, Formats, cases) }

func BenchmarkFormats(b *testing.B) {
	for i := range cases {
		textlogtest.Bench(b, Formats, cases[i].Name, cases[i].Text)
	}
}
