package collectors

import (
	"strings"
	"testing"

	"spor/timeline/textlog/textlogtest"
)

var cases = []textlogtest.Case{
	{
		Format: "bodyfile", Name: "/bodyfile/bodyfile.txt",
		Text: "0|/usr/bin/a|b c|131|-rwxr-xr-x|0|0|1024|1700000000|1700000001.250000000|1700000002|1700000003\n" +
			"0|/bin -> usr/bin|132|lrwxrwxrwx|0|0|7|1700000000|0|-|0\n" +
			"d41d8cd98f00b204e9800998ecf8427e|/x (deleted)|77-128-1|r/rrwxrwxrwx|1000|48|0|0|0|0|0\nspoilt\n",
		Want: []string{
			`"message":"/usr/bin/a|b c Type: file","datetime":"2023-11-14T22:13:21.250000+00:00","timestamp":1700000001250000,"timestamp_desc":"Content Modification Time","data_type":"fs:stat","parser":"","host":"","path":"","offset":0,"sha256":"","filename":"/usr/bin/a|b c","file_entry_type":"file","file_size":1024,"inode":131,"mode_text":"-rwxr-xr-x","owner_identifier":"0","group_identifier":"0"}`,
			`"timestamp":1700000000000000,"timestamp_desc":"Last Access Time"`, `"timestamp":1700000002000000,"timestamp_desc":"Metadata Modification Time"`, `"timestamp":1700000003000000,"timestamp_desc":"Creation Time"`,
			`"message":"/bin Type: link, to usr/bin","datetime":"2023-11-14T22:13:20.000000+00:00","timestamp":1700000000000000,"timestamp_desc":"Last Access Time"`,
			`"message":"/x Type: file, deleted","datetime":"1970-01-01T00:00:00+00:00","timestamp":0,"timestamp_desc":"Not a time","data_type":"fs:stat","parser":"","host":"","path":"","offset":151,"sha256":"","filename":"/x","file_entry_type":"file","file_size":0,"inode":"77-128-1","mode_text":"r/rrwxrwxrwx","owner_identifier":"1000","group_identifier":"48","file_md5":"d41d8cd98f00b204e9800998ecf8427e","deleted":true}`,
		},
		Errors: 1,
	},
	{
		Format: "kape_copylog", Name: `/2026-03-09T090000_CopyLog.csv`,
		Text: "\ufeff" + copyLogHead + "CopyDuration\r\n" + `2026-03-09 09:00:00.4651672,"C:\a,b.evtx",C:\kape\a.evtx,12,AB12,False,2020-11-22 16:20:18.4651672,2020-11-22 16:20:19.0000000,,00:00:00.001` + "\r\nspoilt\r\n",
		Want: []string{
			`"message":"C:\\a,b.evtx Type: file","datetime":"2020-11-22T16:20:19.000000+00:00","timestamp":1606062019000000,"timestamp_desc":"Content Modification Time"`,
			`"datetime":"2020-11-22T16:20:18.465167+00:00","timestamp":1606062018465167,"timestamp_desc":"Creation Time","data_type":"fs:stat","parser":"","host":"","path":"","offset":142,"sha256":"","nanosecond":200,"filename":"C:\\a,b.evtx","file_entry_type":"file","file_size":12,"file_sha1":"ab12"}`,
		},
		Errors: 1,
	},
	{
		Format: "velociraptor_files", Name: "/results/Windows.KapeFiles.Targets%2FUploads.json",
		Text: `{"CopiedOnTimestamp":1730828739,"SourceFile":"C:\\Users\\Default\\NTUSER.DAT","DestinationFile":"C:\\x","FileSize":262144,"SourceFileSha256":"e058","Created":"2021-05-08T08:06:51.7462883Z","Changed":"2024-10-14T15:32:30.3560316Z","Modified":"2024-10-14T15:32:31Z","LastAccessed":"0001-01-01T00:00:00Z","_Source":"x"}` + "\n" + `{"SourceFile":"x","Created":"never"}` + "\n",
		Want: []string{
			`"timestamp":1728919951000000,"timestamp_desc":"Content Modification Time"`, `"timestamp":1728919950356031,"timestamp_desc":"Metadata Modification Time"`,
			`"timestamp":1620461211746288,"timestamp_desc":"Creation Time","data_type":"fs:stat","parser":"","host":"","path":"","offset":0,"sha256":"","nanosecond":300,"filename":"C:\\Users\\Default\\NTUSER.DAT","file_entry_type":"file","file_size":262144,"file_sha256":"e058"}`,
		},
		Errors: 1,
	},
}

func TestFormats(t *testing.T) { textlogtest.Run(t, Formats, cases) }

// TestSniff knows none of these.
func TestSniff(t *testing.T) {
	for _, text := range []string{"", "a|b|c|d|e|f|g|h|i|j|k\n", "0||1|-rw|0|0|0|0|0|0|0\n", "0|/x|1|?|0|0|0|0|0|0|0\n", "0|/x|1|-rw|0|0|0|0|0|0|99999999999999999999\n", `{"SourceFile":"x"}`, strings.Repeat("|", 4096)} {
		if f := Formats.Find("/x", []byte(text)); f != nil {
			t.Errorf("%.40q: known as %s", text, f.Name)
		}
	}
}

// FuzzParse gives each parser any text: no panic, a message for each event, at most four events a line.
func FuzzParse(f *testing.F) {
	for _, c := range cases {
		f.Add(c.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range Formats {
			events, _ := textlogtest.Read(format, "/x", text)
			if most := 4 * (strings.Count(text, "\n") + 1); len(events) > most {
				t.Fatalf("%s: %d events of %q", format.Name, len(events), text)
			}
			for _, e := range events {
				if e.Message == "" {
					t.Fatalf("%s: no message in %q", format.Name, text)
				}
			}
		}
	})
}

func BenchmarkFormats(b *testing.B) {
	textlogtest.Bench(b, Formats, cases[0].Name, cases[0].Text[:strings.Index(cases[0].Text, "\n")+1])
}
