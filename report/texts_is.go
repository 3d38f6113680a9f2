package report

var icelandic = texts{
	Lang: "is", Thousands: ".", Decimal: ",",
	Title: "Forsíða", Case: "Mál", Operator: "Framkvæmt af", Host: "Vél", Collected: "Gagna aflað", Tool: "Verkfæri", To: "til",
	TLP: map[string]string{
		"TLP:CLEAR":        "Miðlun er ekki takmörkuð.",
		"TLP:GREEN":        "Má miðla innan samfélagsins en ekki birta opinberlega.",
		"TLP:AMBER":        "Trúnaðarmál. Má miðla innan stofnunar og til viðskiptavina hennar að því marki sem nauðsyn krefur.",
		"TLP:AMBER+STRICT": "Trúnaðarmál. Má aðeins miðla innan stofnunar að því marki sem nauðsyn krefur.",
		"TLP:RED":          "Aðeins ætlað viðtakendum sjálfum.",
	},
	Completion: map[string]string{
		"complete": "lokið að fullu", "gaps": "lokið, en mikilvæg gögn vantar", "interrupted": "stöðvað í miðju kafi: hér er það sem þá hafði náðst", "limit": "stöðvað þegar mörkum var náð",
	},
	Items: "Gagnaliðir", Size: "Stærð", Gaps: "Vantar", Findings: "Grunsamlegt", Events: "Atburðir", Volumes: "Hlutar",

	Incident: "Lýsing tilkynnanda", IncidentNote: "Útfyllt af tilkynnanda. Ekki er upplýst hver tilkynnti nema með samþykki.",
	Contact: "Samskiptaupplýsingar", Start: "Upphaf atviks", Noticed: "uppgötvað", FirstTrace: "fyrstu ummerki", What: "Hvað gerðist", Class: "Flokkur", Malware: "Spilliforrit", Actor: "Árásaraðili",
	Traces: "Ummerki", DataTaken: "Gögn tekin", DataDamaged: "Gögn skemmd", Systems: "Kerfi", Ongoing: "Stendur atvikið yfir", Severity: "Alvarleiki", OperationStops: "Nauðsynlegur rekstur stöðvast",
	Infra: "Getur haft áhrif á innviði", Extent: "Umfang", Workstations: "vinnustöðvar", Servers: "þjónar", Spreading: "Getur breiðst út", Reach: "Nær til fleiri kerfa",
	Measures: "Aðgerðir", Planned: "fyrirhugað", Data: "Önnur gögn",
	Answers: map[string]string{"yes": "já", "no": "nei", "unknown": "ekki vitað"},
	Classes: map[string]string{
		"denial-of-service": "álagsárás", "break-in": "innbrot", "ransomware": "gagnagíslataka", "infection": "sýking", "phishing": "vefveiðar", "other": "annað",
	},
	States: map[string]string{"uncertain": "óvíst", "active": "já", "contained": "náðst hefur stjórn á atvikinu", "over": "lokið"},

	NoFindings:   "Ekkert fannst af því sem leitað er að. Það sannar ekki að ekkert hafi gerst.",
	FindingsNote: "Hvert atriði er tilefni til skoðunar, ekki niðurstaða.", Evidence: "Gögn", More: "til viðbótar af sama tagi",
	Severities: map[string]string{"critical": "mjög alvarlegt", "high": "alvarlegt", "medium": "miðlungs", "low": "vægt", "informational": "til upplýsingar"},
	Rules: map[string]string{
		"process-deleted-executable":   "Ferli í keyrslu þótt forritsskránni hafi verið eytt",
		"process-memory-only":          "Ferli sem keyrir eingöngu úr minni",
		"process-temporary-folder":     "Ferli keyrir úr möppu fyrir bráðabirgðaskrár",
		"preload-library":              "Forritasafn er hlaðið inn í öll forrit",
		"second-root":                  "Annar aðgangur en root hefur uid 0",
		"persistence-temporary-folder": "Ræsist sjálfkrafa úr möppu fyrir bráðabirgðaskrár",
		"persistence-fetches":          "Ræsist sjálfkrafa og sækir eða afkóðar það sem það keyrir",
		"persistence-writable":         "Ræsist sjálfkrafa og hver sem er má breyta því",
		"persistence-hidden-name":      "Ræsist sjálfkrafa úr skrá með földu heiti",
		"persistence-unowned":          "Ræsist sjálfkrafa og tilheyrir engum pakka",
		"preload-variable":             "Stilling hleður forritasafni inn í forrit",
		"pam-module-unowned":           "PAM-eining sem tilheyrir engum pakka",
		"pam-runs-program":             "PAM keyrir forrit við innskráningu",
		"shell-intercepts":             "Ræsiskrá skeljar kemur í stað forrits sem biður um lykilorð",
		"package-script-changed":       "Skrifta í uppsettum pakka sem var skrifuð eftir uppsetningu hans",
		"package-file-changed":         "Forrit eða forritasafn er ekki það sem pakkinn setti upp",
		"privileged-unowned":           "Forrit með réttindi rótar sem tilheyrir engum pakka",
		"empty-password":               "Aðgangur sem hleypir inn án lykilorðs",
		"sudo-no-password":             "Hvað sem er sem root, án þess að beðið sé um lykilorð",
		"clock-unsynchronised":         "Klukkan er ekki samstillt",
		"ssh-root-password":            "root skráði sig inn um SSH með lykilorði",
		"ransom-note-name":             "Skrá með nafn eins og lausnargjaldskrafa",
		"hidden-process":               "Ferli falið fyrir verkfærum vélarinnar sjálfrar",
		"process-decoy":                "Það sem /proc sýnir undir númeri er ekki ferlið sjálft",
		"hidden-module":                "Kjarnaeining sem vantar í annan lista kjarnans",
		"module-unknown-file":          "Kjarnaeining sem ekki kemur úr einingamöppum kerfisins",
		"kernel-taint-unexplained":     "Eining merkti kjarnann og engin hlaðin eining ber það merki",
		"kernel-helper":                "Kjarninn ræsir forrit úr möppu sem allir mega skrifa í",
		"kernel-hook":                  "Kjarnaeining grípur inn í kerfiskall",
		"process-preload":              "Ferli ræst með forritasafni sem þvingað er inn í það",
		"process-memory-library":       "Ferli keyrir kóða úr minni sem aldrei var skrá",
		"interface-promiscuous":        "Netkort afhendir alla ramma á netinu",
	},

	HostClock: "Vél og klukka", System: "Stýrikerfi", Kernel: "Kjarni", Arch: "Örgjörvagerð", MachineID: "Auðkenni vélar", Domain: "Lén", Hardware: "Vélbúnaður", Platform: "Keyrir í", Source: "Skoðuð sem",
	Clock: "Klukka", ClockNow: "Sýndi í upphafi", BootTime: "Ræst", Zone: "Tímabelti", Synchronised: "samstillt", Unsynchronised: "ekki samstillt: tímasetningar geta verið rangar",
	SyncUnknown: "ekki vitað hvort hún er samstillt", NoSkew: "Tímar á síðunni eru UTC eins og vélin segir til um; þeir hafa ekki verið bornir saman við aðra klukku.",
	Yes: "já", No: "nei", Unknown: "ekki vitað",

	Exposure: "Þjónustur sem vélin býður", ExposureNote: "Tengi sem bíða eftir tengingum. Hér sést ekki hvort eldveggur er fyrir framan.",
	NoExposure: "Engin opin tengi voru skráð.", Service: "Gátt", Address: "Vistfang", Reachable: "frá neti", LocalOnly: "aðeins frá vélinni sjálfri", Program: "Forrit", User: "Notandi",

	Timeline: "Tímalína", TimelineNote: "Atburðir á dag á lógaritmískum kvarða, sextíu dagana fram að gagnaöflun.", NoTimeline: "Engin tímalína er í gögnunum.",
	LogEvents: "færslur í annálum", FileTimes: "tímasetningar skráa", Earlier: "atburðir fyrir", Later: "atburðir eftir gagnaöflun: röng klukka eða fölsun", Untimed: "færslur án mögulegrar tímasetningar",
	FirstEvents: "Fyrstu færslur", LastEvents: "Síðustu færslur", Time: "Tími (UTC)", Event: "Atburður", File: "Skrá",

	Taken: "Það sem náðist", TakenNote: "Eftir uppruna, í þeirri röð sem gögnin voru tekin.", By: "Uppruni", Missing: "Það sem náðist ekki", MissingNote: "Allt sem til stóð að taka er skráð hér með afdrifum sínum; engu er sleppt þegjandi.",
	NothingMissing: "Allt sem til stóð að taka náðist.", Reason: "Ástæða", Paths: "Slóð", Count: "Fjöldi",
	Groups: map[string]string{
		"gap": "Mikilvæg gögn sem vantar", "denied": "Kerfið neitaði aðgangi", "failed": "Mistókst", "truncated": "Tekið að hluta", "skipped": "Sleppt viljandi", "absent": "Ekki til staðar",
	},

	Processes: "Ferli", ProcessesNote: "Þau grunsamlegu fyrst; ferli kjarnans eru ekki talin með.", Command: "Skipun", Started: "Ræst",
	Accounts: "Aðgangar", Sessions: "Innskráðir", Interfaces: "Netviðmót", Name: "Nafn", Home: "Heimamappa", Shell: "Skel", Password: "Lykilorð", Admin: "stjórnandi", From: "Frá", Terminal: "Skjáhermir",
	Up: "virkt", Promiscuous: "hlustar á alla umferð",

	Screens: "Skjámyndir", ScreensNote: "Það sem fólk við vélina sá, og titlar glugganna. Myndirnar liggja við hlið þessarar síðu og er aðeins vísað í þær, svo að hún sæki ekkert.",
	Session: "Seta", Picture: "Mynd", Windows: "Gluggar", Locked: "læst",

	Custody: "Vörsluferill", CustodyNote: "Ferillinn eins og hann er skráður í undirrituðu yfirliti gagnanna.", Step: "Skref", Who: "Hver", Detail: "Nánar", Signer: "Undirritunarlykill söfnunarinnar",
	SignerNote: "Berið saman við það sem lesið var upp á vettvangi. Lykillinn var gerður fyrir þessa söfnun eina og leynihluti hans er ekki lengur til.", Recipients: "Innsiglað fyrir", Digest: "SHA-256", Options: "Skipanalína", Commit: "útgáfa kóða",

	Faults: "Ekki tókst að lesa úr möppunni", Cut: "Lengra en hér er sýnt",
}
