package report

var norwegian = texts{
	Lang: "nb", Thousands: "\u00a0", Decimal: ",",
	Title: "Førsteside", Case: "Sak", Operator: "Utført av", Host: "Maskin", Collected: "Innhentet", Tool: "Verktøy", To: "til",
	TLP: map[string]string{
		"TLP:CLEAR":        "Kan deles uten begrensning.",
		"TLP:GREEN":        "Kan deles i fellesskapet, men ikke offentlig.",
		"TLP:AMBER":        "Kan deles i egen virksomhet og med dens kunder ved tjenstlig behov.",
		"TLP:AMBER+STRICT": "Kan bare deles i egen virksomhet, ved tjenstlig behov.",
		"TLP:RED":          "Bare for mottakerne selv.",
	},
	Completion: map[string]string{
		"complete": "fullført", "gaps": "fullført, men noe viktig mangler", "interrupted": "avbrutt: her er det som da var hentet", "limit": "stanset av en grense",
	},
	Items: "Elementer", Size: "Størrelse", Gaps: "Mangler", Findings: "Funn", Events: "Hendelser", Volumes: "Deler",

	Incident: "Det melderen forteller", IncidentNote: "Fylt ut av et menneske. Melderens identitet gis ikke videre uten samtykke.",
	Contact: "Kontakt", Start: "Begynnelse", Noticed: "oppdaget", FirstTrace: "første spor", What: "Hva som skjedde", Class: "Type", Malware: "Skadevare", Actor: "Aktør", Traces: "Spor",
	DataTaken: "Data tatt", DataDamaged: "Data ødelagt", Systems: "Systemer", Ongoing: "Pågår det fortsatt", Severity: "Alvor", OperationStops: "Nødvendig drift stanser",
	Infra: "Kan ramme infrastruktur", Extent: "Omfang", Workstations: "arbeidsstasjoner", Servers: "servere", Spreading: "Kan spre seg", Reach: "Når flere systemer",
	Measures: "Tiltak", Planned: "planlagt", Data: "Andre data",
	Answers: map[string]string{"yes": "ja", "no": "nei", "unknown": "vet ikke"},
	Classes: map[string]string{
		"denial-of-service": "tjenestenekt", "break-in": "datainnbrudd", "ransomware": "løsepengevirus", "infection": "infeksjon", "phishing": "nettfisking", "other": "annet",
	},
	States: map[string]string{"uncertain": "usikkert", "active": "ja", "contained": "under kontroll", "over": "over"},

	NoFindings:   "Ingenting av det det letes etter, ble funnet. Det beviser ikke at ingenting har skjedd.",
	FindingsNote: "Et funn er en grunn til å se nærmere, ikke en konklusjon.", Evidence: "Bevis", More: "til av samme slag",
	Severities: map[string]string{"critical": "kritisk", "high": "høy", "medium": "middels", "low": "lav", "informational": "til orientering"},
	Rules: map[string]string{
		"process-deleted-executable":   "Prosess som kjører fra en slettet programfil",
		"process-memory-only":          "Prosess som bare kjører fra minnet",
		"process-temporary-folder":     "Prosess som kjører fra en mappe for midlertidige filer",
		"preload-library":              "Et bibliotek lastes inn i alle programmer",
		"second-root":                  "En annen konto enn root har uid 0",
		"persistence-temporary-folder": "Starter av seg selv fra en mappe for midlertidige filer",
		"persistence-fetches":          "Starter av seg selv, og henter eller dekoder det den kjører",
		"persistence-writable":         "Starter av seg selv, og hvem som helst kan endre det",
		"persistence-hidden-name":      "Starter av seg selv fra en fil med skjult navn",
		"persistence-unowned":          "Starter av seg selv, og hører ikke til noen pakke",
		"preload-variable":             "En innstilling laster et bibliotek inn i programmer",
		"pam-module-unowned":           "PAM-modul som ikke hører til noen pakke",
		"pam-runs-program":             "PAM kjører et program ved pålogging",
		"shell-intercepts":             "Oppstartsfilen til et skall tar plassen til et program som spør om passord",
		"package-script-changed":       "Skript i en installert pakke som er skrevet etter installasjonen",
		"package-file-changed":         "Program eller bibliotek er ikke det pakken installerte",
		"privileged-unowned":           "Program med roots rettigheter som ikke hører til noen pakke",
		"empty-password":               "Konto som slipper inn uten passord",
		"sudo-no-password":             "Hva som helst som root, uten at det spørres om passord",
		"clock-unsynchronised":         "Klokken er ikke synkronisert",
		"ssh-root-password":            "root logget på over SSH med passord",
		"ransom-note-name":             "Fil med navn som et løsepengekrav",
		"hidden-process":               "Prosess som er skjult for maskinens egne verktøy",
		"process-decoy":                "Det /proc viser under et nummer, er ikke prosessen",
		"hidden-module":                "Kjernemodul som mangler i en av kjernens lister",
		"module-unknown-file":          "Kjernemodul fra utenfor systemets modulmapper",
		"kernel-taint-unexplained":     "En modul har merket kjernen, og ingen lastet modul har det merket",
		"kernel-helper":                "Kjernen starter et program fra en mappe alle kan skrive til",
		"kernel-hook":                  "En kjernemodul fanger opp et systemkall",
		"process-preload":              "Prosess startet med et bibliotek tvunget inn i den",
		"process-memory-library":       "Prosess kjører kode fra minne som aldri var en fil",
		"interface-promiscuous":        "Nettverkskort leverer alle rammer",
	},

	HostClock: "Maskin og klokke", System: "Operativsystem", Kernel: "Kjerne", Arch: "Arkitektur", MachineID: "Maskin-ID", Domain: "Domene", Hardware: "Maskinvare", Platform: "Kjører i", Source: "Undersøkt som",
	Clock: "Klokke", ClockNow: "Viste ved start", BootTime: "Startet", Zone: "Tidssone", Synchronised: "synkronisert", Unsynchronised: "ikke synkronisert: tidspunktene kan være feil",
	SyncUnknown: "ukjent om den er synkronisert", NoSkew: "Tidspunkter på siden er UTC slik maskinen oppgir dem; de er ikke sammenlignet med en annen klokke.",
	Yes: "ja", No: "nei", Unknown: "ukjent",

	Exposure: "Tjenester maskinen tilbyr", ExposureNote: "Porter som venter på tilkoblinger. Om en brannmur står foran, ses ikke her.",
	NoExposure: "Ingen lyttende porter ble registrert.", Service: "Port", Address: "Adresse", Reachable: "fra nettverket", LocalOnly: "bare fra maskinen selv", Program: "Program", User: "Bruker",

	Timeline: "Tidslinje", TimelineNote: "Hendelser per dag på logaritmisk skala, de seksti dagene frem til innhentingen.", NoTimeline: "Det finnes ingen tidslinje.",
	LogEvents: "loggposter", FileTimes: "filtider", Earlier: "hendelser før", Later: "hendelser etter innhentingen: feil klokke eller forfalskning", Untimed: "poster uten mulig tidspunkt",
	FirstEvents: "Første poster", LastEvents: "Siste poster", Time: "Tid (UTC)", Event: "Hendelse", File: "Fil",

	Taken: "Dette ble hentet", TakenNote: "Etter kilde, i rekkefølgen det ble hentet.", By: "Kilde", Missing: "Dette ble ikke hentet", MissingNote: "Alt som var planlagt, har et utfall; ingenting er utelatt i stillhet.",
	NothingMissing: "Alt som var planlagt, ble hentet.", Reason: "Årsak", Paths: "Sti", Count: "Antall",
	Groups: map[string]string{
		"gap": "Viktige mangler", "denied": "Nektet av systemet", "failed": "Mislyktes", "truncated": "Delvis hentet", "skipped": "Utelatt med hensikt", "absent": "Fantes ikke",
	},

	Processes: "Prosesser", ProcessesNote: "De med funn først; kjernens egne er utelatt.", Command: "Kommando", Started: "Startet",
	Accounts: "Kontoer", Sessions: "Pålogget", Interfaces: "Nettverksgrensesnitt", Name: "Navn", Home: "Hjemmemappe", Shell: "Skall", Password: "Passord", Admin: "administrator", From: "Fra", Terminal: "Terminal",
	Up: "oppe", Promiscuous: "lytter på all trafikk",

	Screens: "Skjermbilder", ScreensNote: "Det folk ved maskinen så, og titlene på vinduene. Bildene ligger ved siden av denne siden og er bare lenket, slik at den ikke laster noe.",
	Session: "Økt", Picture: "Bilde", Windows: "Vinduer", Locked: "låst",

	Custody: "Beviskjede", CustodyNote: "Kjeden slik den signerte oversikten beskriver den.", Step: "Steg", Who: "Hvem", Detail: "Detalj", Signer: "Signeringsnøkkel for innhentingen",
	SignerNote: "Sammenlign med det operatøren leste opp. Nøkkelen ble laget for denne innhentingen; den private delen finnes ikke lenger.", Recipients: "Forseglet til", Digest: "SHA-256", Options: "Kommandolinje", Commit: "kodeversjon",

	Faults: "Dette i mappen kunne ikke leses", Cut: "Lengre enn siden viser",
}
