package incident

import "strings"

// texts are a text a line, each behind its key and a colon: as maps they would be a tenth of a percent of the agent.
type texts string

// get gives the text of a key; empty: there is none.
func (t texts) get(key string) string {
	for line := range strings.Lines(string(t)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			if text, ok := strings.CutPrefix(rest, ": "); ok {
				return strings.TrimSuffix(text, "\n")
			}
		}
	}
	return ""
}

// problemTexts say what is wrong with a value, which is put for {}.
func problemTexts(lang string) texts {
	switch lang {
	case "is":
		return problemsIS
	case "nb":
		return problemsNB
	}
	return problemsEN
}

const (
	problemsEN texts = `mail: "{}" is not a mail address
unreachable: neither email nor phone: nobody could be asked
needed: empty; it is asked of members of the constituency and of those who run critical infrastructure
negative: {} is below zero
address: "{}" is not an IP address
number: "{}" is not a number
empty: empty
tlp: "{}" is not clear, green, amber, amber+strict, red or Trúnaðarmál
class: "{}" is not denial-of-service, break-in, ransomware, infection, phishing or other
taxonomy: "{}" is no class/type of the Reference Security Incident Taxonomy
answer: "{}" is not yes, no or unknown
state: "{}" is not uncertain, active, contained or over
time: "{}" is not a time: write 2026-03-04T05:06:00Z, or 2026-03-04 05:06, or a date; with about before it if it is not certain
zone: "{}" is not a time zone: write +01:00, or Europe/Oslo
type: a {} stands where something else belongs
unknown-field: there is no field "{}"
`
	problemsIS texts = `mail: "{}" er ekki netfang
unreachable: hvorki netfang né sími: ekki er hægt að ná sambandi við neinn
needed: autt; aðilar í þjónustuhópnum og rekstraraðilar mikilvægra innviða eru beðnir um þetta
negative: {} er neikvæð tala
address: "{}" er ekki IP-tala
number: "{}" er ekki tala
empty: autt
tlp: "{}" er ekki clear, green, amber, amber+strict, red eða Trúnaðarmál
class: "{}" er ekki álagsárás, innbrot, gagnagíslataka, sýking, vefveiðar eða annað
taxonomy: "{}" er ekki flokkur/tegund í Reference Security Incident Taxonomy
answer: "{}" er ekki já, nei eða óvíst
state: "{}" er ekki uncertain, active, contained eða over
time: "{}" er ekki tímasetning: skrifið 2026-03-04T05:06:00Z, 2026-03-04 05:06 eða dagsetningu; með "um" á undan ef hún er ekki nákvæm
zone: "{}" er ekki tímabelti: skrifið +00:00 eða Atlantic/Reykjavik
type: hér stendur {} þar sem annað á að vera
unknown-field: reiturinn "{}" er ekki til
`
	problemsNB texts = `mail: "{}" er ikke en e-postadresse
unreachable: verken e-post eller telefon: det finnes ingen å spørre
needed: tomt; medlemmer og de som driver kritisk infrastruktur blir bedt om dette
negative: {} er et negativt tall
address: "{}" er ikke en IP-adresse
number: "{}" er ikke et tall
empty: tomt
tlp: "{}" er ikke clear, green, amber, amber+strict, red eller Trúnaðarmál
class: "{}" er ikke tjenestenekt, innbrudd, løsepengevirus, infeksjon, nettfisking eller annet
taxonomy: "{}" er ikke en klasse/type i Reference Security Incident Taxonomy
answer: "{}" er ikke ja, nei eller ukjent
state: "{}" er ikke uncertain, active, contained eller over
time: "{}" er ikke et tidspunkt: skriv 2026-03-04T05:06:00Z, 2026-03-04 05:06 eller en dato; med "ca." foran hvis det er usikkert
zone: "{}" er ikke en tidssone: skriv +01:00 eller Europe/Oslo
type: her står det {} der noe annet hører hjemme
unknown-field: feltet "{}" finnes ikke
`
)

// labels name the fields of the form, by how they are spelled there. A function, because what no program calls is in none.
func labels(lang string) texts {
	switch lang {
	case "is":
		return labelsIS
	case "nb":
		return labelsNB
	}
	return labelsEN
}

const (
	labelsEN texts = `contact: Contact
contact.name: Full name
contact.organisation: Company or institution
contact.email: E-mail
contact.phone: Telephone
contact.consent: May your name be handed on
contact.constituent: Member of the constituency
contact.critical: Runs infrastructure the nation needs
tlp: Confidentiality (TLP)
zone: Time zone
start: Start
start.noticed: When it was noticed
start.first_trace: First traces
start.about: In words
what: What happened
what.description: Short description
what.class: Class
what.taxonomy: Reference taxonomy
what.malware: Name of the malware
what.actor: Name of the attacker
what.traces: Telling traces
what.data_taken: Was data taken
what.data_damaged: Was data damaged
systems: Affected systems
systems.name: Host name
systems.addresses: IP addresses
systems.domains: Domains
systems.urls: URLs
systems.location: Where it stands
systems.role: What it is for
systems.events: What happened when
systems.events.time: When
systems.events.text: What
ongoing: Still going on
ongoing.state: How it stands
ongoing.text: In words
severity: How serious
severity.operation_stops: Does needed operation stop
severity.infrastructure: Could infrastructure be affected
severity.text: In words
extent: How wide
extent.workstations: Workstations
extent.servers: Servers
extent.spreading: May it spread
extent.reach: Can the attacker reach further systems
extent.text: In words
measures: Measures taken or planned
measures.time: When
measures.text: What
measures.planned: Only planned
data: Data that helps the analysis
data.kind: Kind
data.name: Name
data.text: In words
machine: What the program found
machine.systems: This system
machine.first_finding: Earliest finding
machine.findings: Findings
machine.malware: Verdicts of the antivirus
machine.notes: Files named like ransom notes
`
	labelsIS texts = `contact: Samskiptaupplýsingar
contact.name: Fullt nafn
contact.organisation: Fyrirtæki eða stofnun
contact.email: Netfang
contact.phone: Sími
contact.consent: Má gefa nafnið upp við aðra
contact.constituent: Aðili að þjónustuhópnum
contact.critical: Rekstraraðili mikilvægra innviða
tlp: Trúnaðarflokkun (TLP)
zone: Tímabelti
start: Upphafstími atviks
start.noticed: Hvenær tekið var eftir því
start.first_trace: Fyrstu ummerki
start.about: Nánar
what: Hvað gerðist
what.description: Stutt lýsing
what.class: Flokkur
what.taxonomy: Flokkunarkerfi (RSIT)
what.malware: Heiti spillikóða
what.actor: Nafn árásaraðila
what.traces: Einkennandi ummerki
what.data_taken: Voru gögn tekin
what.data_damaged: Skemmdust gögn
systems: Kerfi sem urðu fyrir áhrifum
systems.name: Heiti vélar
systems.addresses: IP-tölur
systems.domains: Lén
systems.urls: Vefslóðir
systems.location: Staðsetning
systems.role: Hlutverk
systems.events: Atburðarás
systems.events.time: Hvenær
systems.events.text: Hvað
ongoing: Stendur árásin enn yfir
ongoing.state: Staðan
ongoing.text: Nánar
severity: Alvarleiki
severity.operation_stops: Stöðvast nauðsynlegur rekstur
severity.infrastructure: Gæti þetta haft áhrif á innviði
severity.text: Nánar
extent: Umfang
extent.workstations: Vinnustöðvar
extent.servers: Netþjónar
extent.spreading: Hætta á útbreiðslu
extent.reach: Kemst árásaraðili í fleiri kerfi
extent.text: Nánar
measures: Aðgerðir sem gripið hefur verið til eða eru fyrirhugaðar
measures.time: Hvenær
measures.text: Hvað
measures.planned: Aðeins fyrirhugað
data: Gögn sem gagnast við greiningu
data.kind: Tegund
data.name: Heiti
data.text: Nánar
machine: Það sem forritið fann
machine.systems: Þetta kerfi
machine.first_finding: Elsta vísbending
machine.findings: Vísbendingar
machine.malware: Niðurstöður veiruvarna
machine.notes: Skrár sem heita eins og kröfubréf
`
	labelsNB texts = `contact: Kontaktopplysninger
contact.name: Fullt navn
contact.organisation: Virksomhet
contact.email: E-post
contact.phone: Telefon
contact.consent: Kan navnet ditt gis videre
contact.constituent: Tilknyttet responsmiljøet
contact.critical: Driver kritisk infrastruktur
tlp: Fortrolighet (TLP)
zone: Tidssone
start: Når det begynte
start.noticed: Når det ble oppdaget
start.first_trace: Første spor
start.about: Med egne ord
what: Hva skjedde
what.description: Kort beskrivelse
what.class: Type hendelse
what.taxonomy: Referansetaksonomi
what.malware: Navn på skadevaren
what.actor: Navn på angriperen
what.traces: Typiske spor
what.data_taken: Ble data tatt
what.data_damaged: Ble data ødelagt
systems: Berørte systemer
systems.name: Maskinnavn
systems.addresses: IP-adresser
systems.domains: Domener
systems.urls: Nettadresser
systems.location: Plassering
systems.role: Hva den brukes til
systems.events: Hendelsesforløp
systems.events.time: Når
systems.events.text: Hva
ongoing: Pågår det fortsatt
ongoing.state: Status
ongoing.text: Med egne ord
severity: Alvorlighetsgrad
severity.operation_stops: Stanser nødvendig drift
severity.infrastructure: Kan infrastruktur bli rammet
severity.text: Med egne ord
extent: Omfang
extent.workstations: Arbeidsstasjoner
extent.servers: Servere
extent.spreading: Kan det spre seg
extent.reach: Kan angriperen nå flere systemer
extent.text: Med egne ord
measures: Tiltak, utførte og planlagte
measures.time: Når
measures.text: Hva
measures.planned: Bare planlagt
data: Data som hjelper analysen
data.kind: Type
data.name: Navn
data.text: Med egne ord
machine: Det programmet fant
machine.systems: Dette systemet
machine.first_finding: Tidligste funn
machine.findings: Funn
machine.malware: Funn fra antivirusprogrammet
machine.notes: Filer med navn som ligner løsepengekrav
`
)
