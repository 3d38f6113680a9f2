package packages

import (
	"strings"
	"testing"

	"spor/timeline/textlog/textlogtest"
)

var cases = []textlogtest.Case{
	{
		Format: "dpkg", Name: "/var/log/dpkg.log",
		Text: "2026-03-09 09:00:00 startup archives unpack\n2026-03-09 09:00:01 install nc:amd64 <none> 1.10-9\n2026-03-09 09:00:01 status half-installed nc:amd64 1.10-9\n" +
			"2026-03-09 09:00:02 upgrade sudo:amd64 1.9.5 1.9.6\nspoilt\n2026-03-09 09:00:03 remove auditd:amd64 1:3.0.9 <none>\n",
		Want: []string{
			`"action":"started","operation":"archives","detail":"unpack","zone_assumed":"UTC","zone_unknown":true}`,
			`"datetime":"2026-03-09T09:00:01.000000+00:00","timestamp":1773046801000000,"timestamp_desc":"Content Modification Time","data_type":"linux:dpkg_log:entry","parser":"","host":"","path":"","offset":44,"sha256":"","action":"package_installed","package":"nc","architecture":"amd64","version":"1.10-9","zone_assumed":"UTC","zone_unknown":true}`,
			`"action":"package_status","package":"nc","architecture":"amd64","version":"1.10-9","status":"half-installed"`,
			`"action":"package_upgraded","package":"sudo","architecture":"amd64","version":"1.9.6","previous_version":"1.9.5"`,
			`"action":"package_removed","package":"auditd","architecture":"amd64","version":"1:3.0.9"`,
		},
		Errors: 1,
	},
	{
		Format: "apt_history", Name: "/var/log/apt/history.log",
		Text: "\nStart-Date: 2026-03-09  09:00:00\nCommandline: apt install nmap\nRequested-By: alice (1000)\nInstall: nmap:amd64 (7.93, automatic), liblua:amd64 (5.3)\nEnd-Date: 2026-03-09  09:00:09\n\n" +
			"Start-Date: 2026-03-10  06:00:00\nRemove: auditd:amd64 (3.0.9)\nEnd-Date: 2026-03-10  06:00:01\n",
		Want: []string{
			`"action":"packages_changed","command":"apt install nmap","username":"alice","user_identifier":1000,"installed":["nmap:amd64 (7.93, automatic)","liblua:amd64 (5.3)"]`,
			`"message":"[apt] Remove: auditd:amd64 (3.0.9)"`,
		},
	},
	{Format: "apt_term", Name: "/var/log/apt/term.log", Text: "Log started: 2026-03-09  09:00:00\nSelecting previously unselected package nmap.\r\n" + strings.Repeat("Unpacking.\n", 40) + "Log ended: 2026-03-09  09:00:09\n", Want: []string{`"message":"[apt term] Selecting previously unselected package nmap."`}},
	{Format: "unattended_upgrades", Name: "/var/log/unattended-upgrades/unattended-upgrades.log", Text: "2026-03-09 06:00:00,123 INFO Packages that will be upgraded: sudo nc\n", Want: []string{`"severity":"INFO","action":"packages_changed","packages":"sudo nc"`}},
	{Format: "alternatives", Name: "/var/log/alternatives.log", Text: "update-alternatives 2026-03-09 09:00:00: link group editor updated to point to /tmp/vi\n", Want: []string{`"action":"alternative_set","alternative":"editor","filename":"/tmp/vi"`}},
	{Format: "yum", Name: "/var/log/yum.log", Text: "Mar 09 07:52:33 Installed: nc-1.84-10.el6.x86_64\nMar 09 07:52:34 Erased: 2:tar-1.2-3.noarch\n", Want: []string{
		`"datetime":"2026-03-09T07:52:33.000000+00:00"`, `"action":"package_removed","package":"tar","version":"1.2-3","architecture":"noarch","year_inferred":true,"zone_assumed":"UTC","zone_unknown":true}`,
	}},
	{Format: "dnf", Name: "/var/log/dnf.rpm.log", Text: "2026-03-09T07:52:33+0100 SUBDEBUG Installed: nc-1.84-10.el9.x86_64\n2026-03-09T07:52:34+0100 INFO --- logging initialized ---\n", Want: []string{
		`"datetime":"2026-03-09T06:52:33.000000+00:00"`, `"severity":"INFO","body":"--- logging initialized ---"}`,
	}},
	{Format: "dnf", Name: "/var/log/hawkey.log", Text: "INFO 2026-03-09T07:52:33Z === Started libdnf ===\n", Want: []string{`"body":"=== Started libdnf ==="`}},
	{Format: "pacman", Name: "/var/log/pacman.log", Text: "[2018-05-20 09:00] [PACMAN] Running 'pacman -S nc'\n[2026-03-09T09:00:00+0200] [ALPM] upgraded nc (1.9 -> 1.10)\n", Want: []string{
		`"datetime":"2018-05-20T09:00:00.000000+00:00"`, `"reporter":"ALPM","action":"package_upgraded","package":"nc","previous_version":"1.9","version":"1.10"`,
	}},
	{Format: "zypp", Name: "/var/log/zypp/history", Text: "# 2026-03-09 09:00:00 nc is installed\n2026-03-09 09:00:00|install|nc|1.10-9|x86_64|root@web|repo-oss|ab12|\n2026-03-09 09:00:01|command|root@web|'zypper' 'in' 'nc'|\n", Want: []string{
		`"action":"package_installed","package":"nc","version":"1.10-9","architecture":"x86_64","username":"root@web","repository":"repo-oss"`, `"action":"command","username":"root@web","command":"'zypper' 'in' 'nc'"`,
	}},
}

func TestFormats(t *testing.T) { textlogtest.Run(t, Formats, cases) }

func FuzzFormats(f *testing.F) { textlogtest.Fuzz(f, Formats, cases) }

func BenchmarkFormats(b *testing.B) {
	textlogtest.Bench(b, Formats, "/var/log/dpkg.log", "2026-03-09 09:00:01 install nc:amd64 <none> 1.10-9\n2026-03-09 09:00:01 status half-installed libsomething-long:amd64 1.10-9+deb12u1\n")
}
