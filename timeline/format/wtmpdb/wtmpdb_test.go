package wtmpdb

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spor/timeline"
)

const (
	wtmp = `CREATE TABLE wtmp(ID INTEGER PRIMARY KEY, Type INTEGER, User TEXT NOT NULL, Login INTEGER, Logout INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT) STRICT;
INSERT INTO wtmp (Type,User,Login,Logout,TTY,RemoteHost,Service) VALUES (1,'reboot',1788249600000000,1788270000000001,'~','6.12.0',NULL),
 (3,'alice',1788249700123456,1788249800000000,'pts/0','192.0.2.15','sshd'), (3,'mallory',1788260000000000,NULL,'pts/2','203.0.113.66','sshd'), (0,'',0,0,NULL,NULL,NULL);`
	lastlog2 = `CREATE TABLE Lastlog2(Name TEXT PRIMARY KEY, Time INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT) STRICT;
INSERT INTO Lastlog2 VALUES ('root',1788250000,'tty1',NULL,'login'),('alice',1788249700,'pts/0','192.0.2.15','sshd'),('bob',0,NULL,NULL,NULL);`
)

// shell makes a database by SQLite's own program.
func shell(t testing.TB, file string, statements ...string) {
	t.Helper()
	tool, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("SKIPPED: sqlite3 is not here")
	}
	if out, err := exec.Command(tool, append([]string{file}, statements...)...).CombinedOutput(); err != nil {
		t.Fatalf("sqlite3: %v: %s", err, out)
	}
}

func made(t testing.TB, statements string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.db")
	shell(t, file, statements)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		statements, format string
		want               []string
	}{
		{wtmp, "wtmpdb", []string{
			`"message":"Boot: reboot on ~ from 6.12.0","datetime":"2026-09-01T08:00:00.000000+00:00","timestamp":1788249600000000,"timestamp_desc":"Start Time","data_type":"linux:wtmpdb:session"`,
			`"hostname":"6.12.0","record_number":1,"action":"shutdown"`,
			`"message":"Session of alice on pts/0 from 192.0.2.15 by sshd","datetime":"2026-09-01T08:01:40.123456+00:00"`,
			`"record_number":2,"action":"logout"`,
			`"login_type":3,"status":"USER_PROCESS","username":"mallory","terminal":"pts/2","hostname":"203.0.113.66","ip_address":"203.0.113.66","service":"sshd","record_number":3,"action":"login","authentication_result":"success"`,
			`"timestamp_desc":"Not a time"`,
		}},
		{lastlog2, "lastlog2", []string{
			`"message":"Last login of root on tty1 by login","datetime":"2026-09-01T08:06:40.000000+00:00"`,
			`"username":"alice","terminal":"pts/0","hostname":"192.0.2.15","ip_address":"192.0.2.15","service":"sshd","action":"login","authentication_result":"success"`,
			`"message":"No login of bob"`,
		}},
	} {
		b := made(t, tt.statements)
		f := Formats.Find("/x", b[:timeline.HeadSize])
		if f == nil || f.Name != tt.format {
			t.Fatalf("known as %v, want %s", f, tt.format)
		}
		for kind, r := range map[string]io.Reader{"file": bytes.NewReader(b), "pipe": io.MultiReader(bytes.NewReader(b))} {
			i := 0
			for e, err := range f.Parse(timeline.Input{R: r}) {
				if err != nil {
					t.Errorf("%s, %s: %v", tt.format, kind, err)
					continue
				}
				if got := string(e.AppendJSON(nil)); i < len(tt.want) && !strings.Contains(got, tt.want[i]) {
					t.Errorf("%s, %s, event %d:\ngot  %s\nwant %s", tt.format, kind, i, got, tt.want[i])
				}
				i++
			}
			if i != len(tt.want) {
				t.Errorf("%s, %s: %d events, want %d", tt.format, kind, i, len(tt.want))
			}
		}
	}
}

func TestSniff(t *testing.T) {
	large := made(t, "PRAGMA page_size=16384;"+wtmp)
	for name, want := range map[string]string{"/var/lib/wtmpdb/wtmp.db": "wtmpdb", "/var/lib/lastlog/lastlog2.db": "lastlog2", "/x": ""} {
		got := ""
		if f := Formats.Find(name, large[:timeline.HeadSize]); f != nil {
			got = f.Name
		}
		if got != want {
			t.Errorf("%s: known as %q, want %q", name, got, want)
		}
	}
	if other := made(t, "CREATE TABLE urls(url);"); Formats.Find("/x", other[:timeline.HeadSize]) != nil {
		t.Error("any database is known")
	}
}

// TestBeside reads what stands only in the write-ahead log: of a loose file, of one in a folder, and of one in a bundle
// that was opened.
func TestBeside(t *testing.T) {
	dir := t.TempDir()
	work, folder := filepath.Join(t.TempDir(), "work.db"), filepath.Join(dir, "folder")
	file := filepath.Join(folder, "wtmp.db")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	shell(t, work, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"+wtmp, "PRAGMA wal_checkpoint;",
		"INSERT INTO wtmp(Type,User,Login) VALUES (3,'only in the log',1788249700123456);", ".shell cp "+work+" "+file, ".shell cp "+work+"-wal "+file+"-wal")
	opened := filepath.Join(dir, "opened")
	if err := os.Mkdir(opened, 0o700); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{file: "1", file + "-wal": "2"} {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(opened, to), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	manifest := `{"format":1,"bundle":"ab","host":{"hostname":"h"},"entries":[{"number":1,"name":"1","origin":"/var/lib/wtmpdb/wtmp.db","source":"s","size":1},
{"number":2,"name":"2","origin":"/var/lib/wtmpdb/wtmp.db-wal","source":"s","size":1}]}`
	if err := os.WriteFile(filepath.Join(opened, "manifest.json"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, folder, opened} {
		found := 0
		r := timeline.Reader{Formats: Formats, Add: func(e *timeline.Event) error {
			if user, _ := e.Get("username"); user.String() == "only in the log" {
				found++
			}
			return nil
		}}
		for f, err := range timeline.Files(name) {
			if err != nil {
				t.Fatal(err)
			}
			if sum, err := r.File(t.Context(), f); err != nil || sum.Damaged != 0 {
				t.Errorf("%s: %+v, %v", f.Path, sum, err)
			}
		}
		if found != 1 {
			t.Errorf("%s: the session of the log came out %d times, want once", name, found)
		}
	}
}

func FuzzParse(f *testing.F) {
	if _, err := exec.LookPath("sqlite3"); err == nil {
		f.Add(made(f, "PRAGMA page_size=512;"+wtmp))
		f.Add(made(f, "PRAGMA page_size=512;"+lastlog2))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, format := range Formats {
			for e, err := range format.Parse(timeline.Input{R: bytes.NewReader(b)}) {
				if err == nil && (e.Message == "" || e.Offset < 0 || e.Offset > int64(len(b))) {
					t.Errorf("%s: %+v", format.Name, e)
				}
			}
		}
	})
}
