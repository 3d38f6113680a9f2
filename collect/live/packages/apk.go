package packages

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// readApk reads the installed database: blocks of "X:value" lines. P, V, A, o, m, I and t describe the package, F opens a
// folder, R is a file in it and Z the SHA-1 of that file ("Q1" and base64). apk-tools 3 keeps it in /usr/lib/apk.
func readApk(r *reader) error {
	for _, place := range []artifacts.Path{"/lib/apk/db/installed", "/usr/lib/apk/db/installed"} {
		if st, err := r.files.Lstat(place); err != nil || st.Size == 0 {
			continue
		}
		if err := r.apkInstalled(place, r.read(place)); err != nil {
			return err
		}
		if len(r.index.merges) > 0 { // both names are one folder
			return nil
		}
	}
	return nil
}

func (r *reader) apkInstalled(place artifacts.Path, data []byte) error {
	p := Package{Manager: "apk", Path: place}
	var known *Package
	var dir, name string
	var err error
	flush := func(sum string) {
		if name != "" && known != nil {
			r.give(known, []byte("/"+dir+name), Digest{Algorithm: "sha1", Sum: sum, Config: strings.HasPrefix(dir, "etc/")})
		}
		name = ""
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if line == "" {
			flush("")
			if p.Name != "" { // it has no files
				if _, err := r.begin(p); err != nil {
					return err
				}
			}
			p, known, dir = Package{Manager: "apk", Path: place}, nil, ""
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		switch key {
		case "F", "R", "Z":
			if known == nil && p.Name != "" {
				if known, err = r.begin(p); err != nil {
					return err
				}
				p.Name = "" // begun
			}
		default:
			p.apkField(key, value)
		}
		switch key {
		case "F":
			flush("")
			dir = strings.Trim(value, "/") + "/"
			if dir == "/" {
				dir = ""
			}
		case "R":
			flush("")
			name = value
		case "Z":
			flush(apkSum(value))
		}
	}
	flush("")
	return nil
}

func (p *Package) apkField(key, value string) {
	value = procfs.Text(value)
	switch key {
	case "P":
		p.Name = value
	case "V":
		p.Version = value
	case "A":
		p.Architecture = value
	case "o":
		p.Source = value
	case "m":
		p.Vendor = value
	case "I":
		p.Size, _ = strconv.ParseInt(value, 10, 64)
	}
}

func apkSum(s string) string {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "Q1"))
	if err != nil || len(b) != 20 || !strings.HasPrefix(s, "Q1") {
		return ""
	}
	return hex.EncodeToString(b)
}

func unixTime(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n >= 253402300800 { // year 10000, which JSON has not
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
