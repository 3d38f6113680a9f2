package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// How the names of people stand in names of files and of accounts: in part, without their accents, in another case, put
// together. Names are compared folded: in small letters of a to z.

const (
	namePart  = 4 // letters from which on a part of a name is looked for by itself
	nameParts = 6 // of one name
)

// ordinary are words that names of accounts are made of and that name nobody.
var ordinary = map[string]bool{
	"account": true, "admin": true, "administrator": true, "agent": true, "apache": true, "azure": true, "backup": true, "build": true, "client": true, "cloud": true, "common": true, "container": true,
	"data": true, "database": true, "debian": true, "default": true, "deploy": true, "desktop": true, "docker": true, "domain": true, "driver": true, "fedora": true, "file": true, "files": true,
	"full": true, "generic": true, "gestur": true, "gitlab": true, "gjest": true, "group": true, "guest": true, "home": true, "host": true, "http": true, "init": true, "internet": true, "jenkins": true,
	"kiosk": true, "library": true, "linux": true, "live": true, "local": true, "mail": true, "manager": true, "master": true, "mobile": true, "monitor": true, "mysql": true, "name": true,
	"network": true, "nginx": true, "notandi": true, "office": true, "operator": true, "oracle": true, "owner": true, "print": true, "printer": true, "public": true, "remote": true, "robot": true,
	"root": true, "runner": true, "scan": true, "scanner": true, "screen": true, "server": true, "service": true, "shared": true, "support": true, "system": true, "task": true, "team": true,
	"temp": true, "test": true, "ubuntu": true, "user": true, "users": true, "virtual": true, "windows": true, "work": true, "worker": true,
}

// folds writes letters of the Nordic languages and of their neighbours as names of files and accounts do.
var folds = strings.NewReplacer(
	"á", "a", "à", "a", "â", "a", "ã", "a", "ä", "a", "å", "a", "é", "e", "è", "e", "ê", "e", "ë", "e", "í", "i", "ì", "i", "î", "i", "ï", "i", "ó", "o", "ò", "o", "ô", "o", "õ", "o", "ö", "o", "ø", "o",
	"ú", "u", "ù", "u", "û", "u", "ü", "u", "ý", "y", "ÿ", "y", "ð", "d", "đ", "d", "þ", "th", "æ", "ae", "œ", "oe", "ñ", "n", "ç", "c", "š", "s", "ž", "z", "ł", "l", "ß", "ss",
	"\u0300", "", "\u0301", "", "\u0302", "", "\u0303", "", "\u0308", "", "\u030a", "", // accents that stand by themselves
)

// longer are the letters that some write as two.
var longer = strings.NewReplacer("å", "aa", "ø", "oe", "ö", "oe", "ä", "ae", "ü", "ue")

func fold(s string) string { return folds.Replace(strings.ToLower(s)) }

// partsOf are the parts of a name, in small letters: "Guðrún Jónsdóttir", "Jónsdóttir, Guðrún", "gudrun.jonsdottir".
func partsOf(name string) []string {
	parts := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.Is(unicode.Mn, r) })
	return parts[:min(len(parts), nameParts)]
}

// spellings are how a name of a person may be found: each part of it that is long enough, in its cases, and the names of
// accounts that are made of the parts. All are folded.
func spellings(name string) []string {
	var out []string
	add := func(s string) {
		if utf8.RuneCountInString(s) >= namePart && !ordinary[fold(s)] {
			out = append(out, fold(s), fold(longer.Replace(s)))
		}
	}
	parts := partsOf(name)
	for _, part := range parts {
		if utf8.RuneCountInString(part) < namePart || ordinary[fold(part)] {
			continue
		}
		for _, form := range cases(part) {
			add(form)
		}
	}
	if len(parts) > 1 {
		for _, account := range accountsOf(fold(parts[0]), fold(parts[len(parts)-1]), fold(parts[1])) {
			add(account)
		}
	}
	return out
}

// accountsOf are the usual ways to make the name of an account: ajonsdottir, annaj, annajonsdottir, jonsdottira, annjon.
func accountsOf(first, last, middle string) []string {
	start := func(s string, n int) string { return s[:min(n, len(s))] }
	out := []string{start(first, 1) + last, first + start(last, 1), first + last, last + start(first, 1), last + first, start(first, 3) + start(last, 3)}
	if middle != last {
		out = append(out, start(first, 1)+start(middle, 1)+last, first+middle, first+start(middle, 1)+start(last, 1))
	}
	return out
}

// cases are the commonest endings of a part of a name in Icelandic, and the genitive of Norwegian. Vowels that change are
// followed only where a feminine -a becomes -u: Anna, Önnu.
func cases(part string) []string {
	out := []string{part, part + "s"}
	stem := func(ending string, others ...string) bool {
		s, ok := strings.CutSuffix(part, ending)
		if ok {
			for _, other := range others {
				out = append(out, s+other)
			}
		}
		return ok
	}
	switch {
	case stem("dóttir", "dóttur"), stem("dottir", "dottur"), stem("son", "syni", "sonar"):
	case stem("ur", "", "i", "ar", "s"):
	case stem("nn", "n", "ni", "ns", "nni", "nnar"), stem("ll", "l", "li", "ls"):
	case stem("ir", "i", "is"):
	case stem("i", "a"):
	case stem("a"):
		s := strings.TrimSuffix(part, "a")
		if at := strings.LastIndexAny(s, "aáeéiíoóuúyýæö"); at >= 0 && s[at] == 'a' {
			s = s[:at] + "ö" + s[at+1:]
		}
		out = append(out, s+"u")
	default:
		out = append(out, part+"i", part+"u", part+"ar")
	}
	return out
}
