package definitions_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/artifacts/schema"
	"spor/collect/image"
)

// windowsRows are the made-up Windows: for each definition a place where it must find something, below the root. A
// definition without a row fails the test. The made-up Linux is generated, see linux_test.go.
var windowsRows = map[string]string{
	"WindowsEventLogs":              "Windows/System32/winevt/Logs/Microsoft-Windows-Sysmon%4Operational.evtx",
	"WindowsSetupLogs":              "Windows/INF/setupapi.dev.log",
	"WindowsSetupAnswers":           "Windows/Panther/unattend.xml",
	"WindowsFirewallLogs":           "Windows/System32/LogFiles/Firewall/pfirewall.log.old",
	"WindowsUpdateLogs":             "Windows/Logs/CBS/CBS.log",
	"WindowsWebServerLogs":          "inetpub/logs/LogFiles/W3SVC1/u_ex260101.log",
	"WindowsWebServerConfiguration": "Windows/System32/inetsrv/config/applicationHost.config",
	"WindowsWebRootScripts":         "inetpub/wwwroot/a/b/c/d/shell.ASPX",
	"WindowsExchangeLogs":           "Program Files/Microsoft/Exchange Server/V15/Logging/HttpProxy/Owa/HttpProxy_1.LOG",
	"WindowsDefenderLogs":           "ProgramData/Microsoft/Windows Defender/Support/MPLog-20260101.log",
	"WindowsAntivirusLogs":          "ProgramData/Sophos/Endpoint/Logs/a.log",
	"WindowsRemoteDesktop":          "Users/anna/AppData/Local/Microsoft/Terminal Server Client/Cache/Cache0000.bin",
	"WindowsErrorReports":           "ProgramData/Microsoft/Windows/WER/ReportArchive/AppCrash_x/Report.wer",
	"WindowsUserAccessLogs":         "Windows/System32/LogFiles/Sum/Current.mdb",
	"WindowsServerLogs":             "Windows/System32/dns/dns.log",
	"WindowsManagementLogs":         "Windows/CCM/Logs/execmgr.log",
	"WindowsNTFSFileTable":          "$MFT",
	"WindowsNTFSChangeJournal":      "$Extend/$UsnJrnl:$J",
	"WindowsNTFSLogFile":            "$LogFile",
	"WindowsNTFSBoot":               "$Boot",
	"WindowsNTFSSecurity":           "$Secure:$SDS",
	"WindowsSystemHives":            "Windows/System32/config/SOFTWARE.LOG1",
	"WindowsUserHives":              "Users/anna/ntuser.dat",
	"WindowsHiveTransactions":       "Windows/System32/config/TxR/x.regtrans-ms",
	"WindowsCredentialHives":        "Windows/System32/config/SAM",
	"WindowsBootConfiguration":      "Boot/BCD",
	"WindowsScheduledTasks":         "Windows/System32/Tasks/Microsoft/Windows/Defrag/ScheduledDefrag",
	"WindowsStartupFolders":         "Users/anna/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup/evil.lnk",
	"WindowsWMIRepository":          "Windows/System32/wbem/Repository/OBJECTS.DATA",
	"WindowsBITSQueue":              "ProgramData/Microsoft/Network/Downloader/qmgr.db",
	"WindowsGroupPolicy":            "Windows/System32/GroupPolicy/Machine/Scripts/Startup/evil.bat",
	"WindowsPowerShellProfiles":     "Users/anna/Documents/WindowsPowerShell/Microsoft.PowerShell_profile.ps1",
	"WindowsOfficeStartup":          "Users/anna/AppData/Roaming/Microsoft/Word/STARTUP/evil.dotm",
	"WindowsShims":                  "Windows/AppPatch/CustomSDB/x.sdb",
	"WindowsPrefetch":               "Windows/Prefetch/CMD.EXE-01234567.pf",
	"WindowsAmcache":                "Windows/appcompat/Programs/Amcache.hve",
	"WindowsProgramCompatibility":   "Windows/appcompat/pca/PcaAppLaunchDic.txt",
	"WindowsSRUM":                   "Windows/System32/sru/SRUDB.dat",
	"WindowsTimeline":               "Users/anna/AppData/Local/ConnectedDevicesPlatform/L.anna/ActivitiesCache.db-wal",
	"WindowsCapabilityAccess":       "ProgramData/Microsoft/Windows/CapabilityAccessManager/CapabilityAccessManager.db",
	"WindowsCLRUsageLogs":           "Users/anna/AppData/Local/Microsoft/CLR_v4.0/UsageLogs/a.exe.log",
	"WindowsRecentItems":            "Users/anna/AppData/Roaming/Microsoft/Windows/Recent/AutomaticDestinations/1.automaticDestinations-ms",
	"WindowsShortcuts":              "Users/anna/Desktop/a.lnk",
	"WindowsPowerShellHistory":      "Users/anna/AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/ConsoleHost_history.txt",
	"WindowsPowerShellTranscripts":  "Users/anna/Documents/20260101/PowerShell_transcript.PC.x.txt",
	"WindowsBrowserHistory":         "Users/anna/AppData/Local/Microsoft/Edge/User Data/Profile 1/History",
	"WindowsBrowserSecrets":         "Users/anna/AppData/Local/Google/Chrome/User Data/Default/Login Data",
	"WindowsUserSecrets":            "Users/anna/AppData/Roaming/Microsoft/Protect/S-1-5-21/key",
	"WindowsSSHFiles":               "ProgramData/ssh/administrators_authorized_keys",
	"WindowsRecycleBin":             "$Recycle.Bin/S-1-5-21-1/$IABCDEF.txt",
	"WindowsRecycleBinListing":      "$Recycle.Bin/S-1-5-21-1/$RABCDEF.txt",
	"WindowsNotifications":          "Users/anna/AppData/Local/Microsoft/Windows/Notifications/wpndatabase.db",
	"WindowsThumbnails":             "Users/anna/AppData/Local/Microsoft/Windows/Explorer/thumbcache_96.db",
	"WindowsEditorSessions":         "Users/anna/AppData/Roaming/Notepad++/session.xml",
	"WindowsURLCache":               "Users/anna/AppData/LocalLow/Microsoft/CryptnetUrlCache/MetaData/0123",
	"WindowsDownloadListing":        "Users/anna/Downloads/evil.iso",
	"WindowsNetworkFiles":           "Windows/System32/drivers/etc/hosts",
	"WindowsRemoteControl":          "ProgramData/AnyDesk/ad_svc.trace",
	"WindowsRemoteControlSecrets":   "ProgramData/AnyDesk/service.conf",
	"WindowsDataTransfer":           "Users/anna/AppData/Roaming/WinSCP.ini",
	"WindowsRansomNotes":            "Users/anna/Desktop/!!!READ_ME_DECRYPT.txt",
	"WindowsRansomListing":          "Users/anna/Documents/report.docx.locked",
	"WindowsBackupTraces":           "ProgramData/Veeam/Backup/Svc.VeeamBackup.log",
}

// private must never be taken without --include-secrets, whatever else is chosen.
var private = map[artifacts.OS][]string{
	artifacts.Linux: {
		"home/anna/.ssh/id_rsa", "home/anna/.ssh/id_ed25519", "home/anna/.ssh/deploy_rsa", "home/anna/.ssh/id_rsa.old",
		"root/.ssh/id_ecdsa", "etc/ssh/ssh_host_rsa_key", "etc/shadow-", "etc/gshadow", "etc/security/opasswd", "home/anna/.netrc",
		"etc/nginx/conf.d/shop.key", "etc/wireguard/wg0.conf", "etc/netplan/90-NM-1.yaml", "home/anna/.config/google-chrome/Default/Cookies",
		"etc/apache2/sites-enabled/.htpasswd", "etc/systemd/network/wg0.netdev",
	},
	artifacts.Windows: {
		"Windows/System32/config/SECURITY.LOG1", "Windows/System32/config/RegBack/SAM", "Users/anna/.ssh/id_rsa", "Windows/NTDS/ntds.dit",
		"Users/anna/AppData/Local/Google/Chrome/User Data/Default/Network/Cookies", "ProgramData/ssh/ssh_host_rsa_key",
	},
}

// taken remembers what was taken, by origin and by definition.
type taken struct {
	source string
	from   map[string][]artifacts.Path
}

func (r *taken) Record(v any) error {
	b, err := json.Marshal(v)
	var line struct{ Path artifacts.Path }
	if err = errors.Join(err, json.Unmarshal(b, &line)); err == nil {
		r.from[r.source+" listed"] = append(r.from[r.source+" listed"], line.Path)
	}
	return err
}

func (r *taken) Take(_ context.Context, p artifacts.Path) error {
	r.from[r.source] = append(r.from[r.source], p)
	return nil
}

func (r *taken) Put(context.Context, artifacts.Item, io.Reader) error { return nil }
func (r *taken) Note(artifacts.Outcome)                               {}

// collect runs the full profile on a folder.
func collect(t *testing.T, dir string, secrets bool) *taken {
	t.Helper()
	h, err := image.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	set := load(t)
	plan := schema.NewPlan(set, h, schema.Options{Secrets: secrets})
	chosen, err := schema.Choose(plan.All(), h.OS, schema.Selection{Profiles: []string{"full"}, Set: set})
	if err != nil {
		t.Fatal(err)
	}
	rec := &taken{from: map[string][]artifacts.Path{}}
	for _, c := range plan.Collectors(chosen) {
		if c.Secret && !secrets {
			continue
		}
		rec.source = c.Name
		if err := c.Collect(t.Context(), h, rec); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
	return rec
}

func plant(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMadeUpHosts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the made-up Linux host has names that Windows cannot hold")
	}
	hosts := []struct {
		os   artifacts.OS
		rows map[string]string
	}{{artifacts.Linux, nil}, {artifacts.Windows, windowsRows}}
	for _, host := range hosts {
		dir := t.TempDir()
		for _, name := range host.rows {
			plant(t, dir, name)
		}
		plant(t, dir, private[host.os]...)
		origin := func(name string) artifacts.Path {
			if host.os == artifacts.Windows {
				return artifacts.Path(`C:\` + strings.ReplaceAll(name, "/", `\`))
			}
			return artifacts.Path("/" + name)
		}
		if host.os == artifacts.Linux {
			if err := os.WriteFile(filepath.Join(dir, "etc", "passwd"), []byte("root:x:0:0::/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		open := collect(t, dir, false)
		for _, name := range private[host.os] {
			for source, paths := range open.from {
				if !strings.HasSuffix(source, " listed") && slices.Contains(paths, origin(name)) {
					t.Errorf("%s: taken by %s without being asked for secrets", name, source)
				}
			}
		}
		all := collect(t, dir, true)
		for _, d := range load(t).All() {
			if host.rows == nil || !d.Supports(host.os) || !slices.ContainsFunc(d.Sources, func(s artifacts.Source) bool { return len(s.Paths) > 0 }) {
				continue
			}
			row := host.rows[d.Name]
			from := all
			if !d.Has(artifacts.LabelSecret) {
				from = open
			}
			if row == "" {
				t.Errorf("%s: no row in the made-up host", d.Name)
			} else if !slices.Contains(slices.Concat(from.from[d.Name], from.from[d.Name+" listed"]), origin(row)) {
				t.Errorf("%s: did not find %s; it found %q", d.Name, origin(row), from.from[d.Name])
			}
		}
		for _, name := range private[host.os] {
			if !slices.ContainsFunc(slices.Collect(func(yield func([]artifacts.Path) bool) {
				for source, paths := range all.from {
					if !strings.HasSuffix(source, " listed") && !yield(paths) {
						return
					}
				}
			}), func(paths []artifacts.Path) bool { return slices.Contains(paths, origin(name)) }) {
				t.Errorf("%s: not taken with secrets either", name)
			}
		}
	}
}
