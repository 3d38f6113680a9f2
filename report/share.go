package report

import (
	"cmp"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"spor/report/incident"
)

// Reduce changes the hosts of a case into what may be handed on to other responders at most: the minimum they need, under
// the same TLP mark (CERT-IS's promise to those who report).
//
// Taken out: the reporter, unless there is consent; who operated; places; single events, screens, accounts and sessions,
// processes that nothing was found about, custody, command line, hardware and machine identities. Replaced wherever they
// stand, by the same word each time: names of people's accounts and of their home folders, mail addresses, names of hosts
// and their domain, of the reporting organisation, and the hosts' own addresses. Accounts that every system has (root,
// SYSTEM, www-data) are nobody's and stay. Attackers' addresses and names of files stay: those are what is shared.
//
// What is said of all of them together in c is reduced alike, unless it is nil.
func Reduce(hosts []*Input, c *Case) {
	p := newPseudonyms(hosts)
	for _, in := range hosts {
		in.leaveOut()
		p.walk(reflect.ValueOf(in).Elem(), "")
		in.reduced = true
	}
	if c != nil {
		for i := range c.Indicators {
			one := &c.Indicators[i]
			one.Finding, one.Value = p.text(one.Finding), p.text(one.Value)
		}
	}
}

func (in *Input) leaveOut() {
	m := &in.Manifest
	m.Operator, m.Options, m.Custody, m.Recipients = "", nil, nil, nil
	m.Host.MachineID, m.Signer.Fingerprint, m.Signer.PublicKey = "", "", ""
	for i := range m.Volumes {
		m.Volumes[i].Name = ""
	}
	in.Screens, in.Sessions, in.Identity, in.Notes = nil, nil, Identity{}, nil
	in.Timeline.First, in.Timeline.Last = nil, nil
	in.Beside, in.folder = "", nil
	found := map[int]bool{}
	for _, f := range in.Findings {
		found[f.PID] = f.PID != 0
	}
	in.Processes = slices.DeleteFunc(slices.Clone(in.Processes), func(p Process) bool { return !found[p.PID] })
	if form := in.Incident; form != nil {
		reduced := *form
		if !form.Contact.Consent {
			reduced.Contact = incident.Contact{}
		}
		reduced.Systems = slices.Clone(form.Systems)
		for i := range reduced.Systems {
			reduced.Systems[i].Location = ""
		}
		in.Incident = &reduced
	}
}

// pseudonyms are words for names, the same word for the same name in all hosts of the case.
type pseudonyms struct {
	words   map[string]string // by the name in lower case
	people  map[string]string // by spellings of names of people
	count   map[string]int
	parts   int            // most that any name has, between separators
	phrases []string       // names with spaces and other odd characters, as they stand; in words too
	phrase  *regexp.Regexp // any of them
}

// homePath finds the name in the path of somebody's home folder, in the spelling of either system.
var homePath = regexp.MustCompile(`(?i)([/\\](?:home|users|documents and settings)[/\\]+)([^/\\:*?"<>|\r\n]{1,64})`)

var mailAddress = regexp.MustCompile(`[\pL\pN._%+-]{1,64}@[\pL\pN-]{1,63}(?:\.[\pL\pN-]{1,63})+`)

// telephoneNumber finds a number with the code of its country before it.
var telephoneNumber = regexp.MustCompile(`(^|[\s(:,;])(\+\d{1,3}(?:[ -]?\d{2,4}){2,5})\b`)

// everybodys are accounts and folders that say nothing about a person.
var everybodys = map[string]bool{
	"root": true, "system": true, "public": true, "default": true, "default user": true, "all users": true, "local service": true, "network service": true, "localsystem": true,
	"administrator": true, "guest": true, "nobody": true, "www-data": true, "defaultaccount": true, "wdagutilityaccount": true, "localhost": true, "nt authority": true, "localdomain": true,
	"admin": true, "ansible": true, "azureuser": true, "backup": true, "centos": true, "cloud-user": true, "debian": true, "deploy": true, "ec2-user": true, "fedora": true, "git": true, "jenkins": true, "oracle": true, "pi": true,
	"postgres": true, "support": true, "test": true, "ubuntu": true, "user": true, "vagrant": true,
}

func newPseudonyms(hosts []*Input) *pseudonyms {
	p := &pseudonyms{words: map[string]string{}, people: map[string]string{}, count: map[string]int{}}
	for _, in := range hosts {
		id := in.Manifest.Host
		p.add("domain", id.Domain)
		p.host(id.Hostname)
		p.host(id.FQDN)
		if form := in.Incident; form != nil {
			p.reporter(form)
		}
		p.person(in.Manifest.Operator)
		for _, a := range in.Identity.Users {
			if person(a.ID) {
				p.user(a.Name)
				p.called(a.FullName, p.words[strings.ToLower(a.Name)])
			}
		}
		for _, one := range in.Processes {
			if person(one.UserID) {
				p.account(one.User)
			}
		}
		for _, s := range in.Sessions {
			p.account(s.User)
		}
		for _, s := range in.Screens {
			p.account(s.User)
		}
		for i := range in.Manifest.Entries {
			p.home(string(in.Manifest.Entries[i].Origin))
		}
		for i := range in.Findings {
			p.home(string(in.Findings[i].Path))
		}
		for _, a := range slices.Concat(interfaces(in.Identity.Interfaces)...) {
			p.own(a)
		}
	}
	p.join()
	return p
}

// join makes one expression of all phrases, the longest first, so that none is replaced in part.
func (p *pseudonyms) join() {
	slices.SortFunc(p.phrases, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	var any []string
	for _, phrase := range p.phrases {
		if utf8.ValidString(phrase) { // of others no text tells: they are replaced in paths
			any = append(any, regexp.QuoteMeta(phrase))
		}
	}
	if len(any) > 0 {
		p.phrase = regexp.MustCompile("(?i)" + strings.Join(any, "|"))
	}
}

// host adds a name of a host, and the domain behind it.
func (p *pseudonyms) host(name string) {
	if _, err := netip.ParseAddr(name); err == nil {
		p.own(name)
		return
	}
	short, domain, _ := strings.Cut(name, ".")
	p.add("host", short)
	p.add("domain", domain)
}

func interfaces(list []Interface) [][]string {
	var out [][]string
	for _, i := range list {
		out = append(out, i.Addresses)
	}
	return out
}

func (p *pseudonyms) reporter(form *incident.Incident) {
	for _, s := range form.Systems {
		p.host(s.Name)
		for _, a := range s.Addresses {
			p.own(a)
		}
		for _, d := range s.Domains {
			p.add("domain", d)
		}
	}
	if c := form.Contact; !c.Consent {
		p.add("organisation", c.Organisation)
		p.person(c.Name)
		for part := range strings.FieldsSeq(c.Name) {
			p.words[strings.ToLower(part)] = p.words[strings.ToLower(c.Name)]
		}
		p.add("mail", c.Email)
		p.add("telephone", c.Phone)
	}
	for _, words := range []string{form.What.Description, form.Start.About, form.Ongoing.Text, form.Severity.Text, form.Extent.Text} {
		p.home(words) // who has a home in one answer may be named in another
	}
	for _, m := range form.Measures {
		p.home(m.Text)
	}
}

// person tells an id of an account made for somebody: from 1000 on, as useradd(8) and Windows number them.
func person(id string) bool {
	number := id
	if rest, sid := strings.CutPrefix(id, "S-1-5-21-"); sid {
		number = rest[strings.LastIndexByte(rest, '-')+1:]
	} else if strings.HasPrefix(id, "S-1-12-1-") {
		return true // of Entra ID
	}
	n, err := strconv.ParseUint(number, 10, 32)
	return err == nil && n >= 1000 && n != 65534
}

// account adds `DOMAIN\name` or name.
func (p *pseudonyms) account(user string) {
	domain, name, ok := strings.Cut(user, `\`)
	if !ok {
		domain, name = "", user
	}
	if slices.Contains([]string{"NT AUTHORITY", "NT SERVICE", "Window Manager", "Font Driver Host", "IIS APPPOOL"}, domain) {
		return
	}
	p.add("domain", domain)
	p.user(name)
}

// user adds the name of an account. One of two or more parts is made of a person's name: "anna.jonsdottir".
func (p *pseudonyms) user(name string) {
	p.add("user", name)
	if strings.ContainsAny(name, "._ ") {
		p.called(name, p.words[strings.ToLower(strings.TrimSpace(name))])
	}
}

func (p *pseudonyms) home(path string) {
	for _, m := range homePath.FindAllStringSubmatch(path, -1) {
		p.user(m[2])
	}
}

// own adds an address of a host, unless every network has one like it.
func (p *pseudonyms) own(address string) {
	address, _, _ = strings.Cut(address, "/")
	if a, err := netip.ParseAddr(address); err == nil && !a.IsLoopback() && !a.IsUnspecified() {
		p.add("address", address)
	}
}

// add gives a name its word. Names of one or two letters would be found in everything; they are replaced in paths, and where
// they stand alone.
func (p *pseudonyms) add(kind, name string) {
	name = strings.TrimSpace(name)
	key := strings.ToLower(name)
	if name == "" || everybodys[key] || p.words[key] != "" || p.words[strings.TrimPrefix(key, "-")] != "" {
		return
	}
	p.count[kind]++
	p.words[key] = kind + "-" + strconv.Itoa(p.count[kind])
	p.parts = max(p.parts, 1+strings.Count(name, ".")+strings.Count(name, ":")+strings.Count(name, "$")+strings.Count(name, "-")+strings.Count(name, "_"))
	if strings.IndexFunc(name, apart) >= 0 {
		p.phrases = append(p.phrases, name)
	}
}

// person adds the name of one, in all its spellings.
func (p *pseudonyms) person(name string) {
	p.add("person", name)
	p.called(name, p.words[strings.ToLower(strings.TrimSpace(name))])
}

// called gives the spellings of a name of a person the person's word, but those that are somebody else's already.
func (p *pseudonyms) called(name, word string) {
	if word == "" {
		return
	}
	if key := strings.ToLower(strings.TrimSpace(name)); strings.ContainsAny(key, " ,") && p.words[key] == "" {
		p.words[key] = word
		p.phrases = append(p.phrases, strings.TrimSpace(name))
	}
	for _, s := range spellings(name) {
		if p.people[s] == "" {
			p.people[s] = word
		}
	}
}

const shortestName = 3

// apart tells a character that no plain name has.
func apart(r rune) bool { return !plainName(r) }

// text replaces what is known in a text.
func (p *pseudonyms) text(s string) string {
	if s == "" {
		return s
	}
	if word := p.words[strings.ToLower(s)]; word != "" {
		return word
	}
	if p.phrase != nil {
		s = p.phrase.ReplaceAllStringFunc(s, func(m string) string { return cmp.Or(p.words[strings.ToLower(m)], "name") })
	}
	s = mailAddress.ReplaceAllStringFunc(s, func(m string) string {
		p.add("mail", m)
		return p.words[strings.ToLower(m)]
	})
	s = telephoneNumber.ReplaceAllStringFunc(s, func(m string) string {
		part := telephoneNumber.FindStringSubmatch(m)
		p.add("telephone", part[2])
		return part[1] + cmp.Or(p.words[strings.ToLower(part[2])], part[2])
	})
	s = homePath.ReplaceAllStringFunc(s, func(m string) string {
		part := homePath.FindStringSubmatch(m)
		p.add("user", part[2])
		return part[1] + cmp.Or(p.words[strings.ToLower(part[2])], part[2])
	})
	return p.plain(s)
}

func plainName(r rune) bool {
	return r == '_' || r == '-' || r == '.' || r == ':' || r == '$' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0xc0
}

// plain looks at each run of letters and digits.
func (p *pseudonyms) plain(s string) string {
	var b strings.Builder
	for s != "" {
		end := strings.IndexFunc(s, apart)
		switch end {
		case -1:
			end = len(s)
		case 0:
			end = strings.IndexFunc(s, plainName)
			if end < 0 {
				end = len(s)
			}
			b.WriteString(s[:end])
			s = s[end:]
			continue
		}
		p.run(&b, s[:end])
		s = s[end:]
	}
	return b.String()
}

// separators stand between the parts of a name: "fs01.kommune.example", "anna.docx", "backup-anna_2".
const separators = ".:$-_"

// run replaces the names in a run: from each part on the longest there is.
func (p *pseudonyms) run(b *strings.Builder, s string) {
	for s != "" {
		word, length := "", 0
		end, first := 0, len(s)
		for n := 0; n < p.parts && end < len(s); n++ {
			if n > 0 {
				end++
			}
			next := strings.IndexAny(s[end:], separators)
			if next < 0 {
				next = len(s) - end
			}
			end += next
			first = min(first, end)
			if known := p.known(s[:end]); known != "" {
				word, length = known, end
			}
		}
		if word == "" {
			length = first
		}
		b.WriteString(cmp.Or(word, s[:length]))
		if s = s[length:]; s != "" {
			b.WriteByte(s[0])
			s = s[1:]
		}
	}
}

func (p *pseudonyms) known(s string) string {
	if len(s) < shortestName {
		return ""
	}
	if word := p.words[strings.ToLower(s)]; word != "" {
		return word
	}
	name := strings.TrimRight(s, "0123456789") // "ajonsdottir2"
	if word := p.people[fold(name)]; word != "" {
		return word + s[len(name):]
	}
	return ""
}

// fixed are the fields that hold words of ours, which a name on the host may happen to equal.
var fixed = map[string]bool{
	"Rule": true, "Severity": true, "Technique": true, "TLP": true, "Completion": true, "Status": true, "State": true, "SHA256": true, "SHA1": true, "MD5": true, "Case": true, "Class": true,
	"Taxonomy": true, "Consent": true, "OS": true, "Protocol": true, "Format": true, "Tool": true, "Contact": true, "DataTaken": true, "DataDamaged": true, "OperationStops": true, "Infrastructure": true,
	"Spreading": true, "Reach": true,
	"Entries": true, // of which the page shows how many there are
}

// walk replaces the texts of whatever v holds.
func (p *pseudonyms) walk(v reflect.Value, field string) {
	if fixed[field] {
		return
	}
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(p.text(v.String()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if t := v.Type().Field(i); t.IsExported() {
				p.walk(v.Field(i), t.Name)
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			p.walk(v.Elem(), field)
		}
	case reflect.Slice:
		for i := range v.Len() {
			p.walk(v.Index(i), field)
		}
	}
}
