package report

var english = texts{
	Lang: "en", Thousands: ",", Decimal: ".",
	Title: "First page", Case: "Case", Operator: "Operator", Host: "Host", Collected: "Collected", Tool: "Tool", To: "to",
	TLP: map[string]string{
		"TLP:CLEAR":        "May be shared without restriction.",
		"TLP:GREEN":        "May be shared within the community, not in public.",
		"TLP:AMBER":        "May be shared within the organisation and with its clients, on a need-to-know basis.",
		"TLP:AMBER+STRICT": "May be shared within the organisation only, on a need-to-know basis.",
		"TLP:RED":          "For the eyes of the recipients alone.",
	},
	Completion: map[string]string{
		"complete": "complete", "gaps": "with gaps that matter", "interrupted": "interrupted: what had been taken by then is here", "limit": "cut short by a limit",
	},
	Items: "Items", Size: "Size", Gaps: "Gaps", Findings: "Findings", Events: "Events", Volumes: "Volumes",

	Incident: "What the reporter says", IncidentNote: "Filled in by a person. The reporter's identity is not handed on without consent.",
	Contact: "Contact", Start: "Start", Noticed: "noticed", FirstTrace: "first trace", What: "What happened", Class: "Class", Malware: "Malware", Actor: "Actor", Traces: "Traces",
	DataTaken: "Data taken", DataDamaged: "Data damaged", Systems: "Systems", Ongoing: "Still going on", Severity: "Severity", OperationStops: "Needed operation stops",
	Infra: "Infrastructure may be affected", Extent: "Extent", Workstations: "workstations", Servers: "servers", Spreading: "May spread", Reach: "Reaches further systems",
	Measures: "Measures", Planned: "planned", Data: "Further data",
	Answers: map[string]string{"yes": "yes", "no": "no", "unknown": "not known"},
	Classes: map[string]string{
		"denial-of-service": "denial of service", "break-in": "break-in", "ransomware": "ransomware", "infection": "infection", "phishing": "phishing", "other": "other",
	},
	States: map[string]string{"uncertain": "uncertain", "active": "yes", "contained": "under control", "over": "over"},

	NoFindings:   "Nothing of what is looked for was found. That is no proof that nothing happened.",
	FindingsNote: "A finding is a reason to look, not a verdict.", Evidence: "Evidence", More: "more like it",
	Severities: map[string]string{"critical": "critical", "high": "high", "medium": "medium", "low": "low", "informational": "to know"},
	Rules: map[string]string{
		"process-deleted-executable":   "Process whose executable is gone",
		"process-memory-only":          "Process that runs from memory alone",
		"process-temporary-folder":     "Process running from a folder for temporary files",
		"preload-library":              "A library is loaded into every program",
		"second-root":                  "An account besides root has uid 0",
		"persistence-temporary-folder": "Starts by itself from a folder for temporary files",
		"persistence-fetches":          "Starts by itself, and fetches or decodes what it runs",
		"persistence-writable":         "Starts by itself, and anyone may change it",
		"persistence-hidden-name":      "Starts by itself from a file with a hidden name",
		"persistence-unowned":          "Starts by itself, and is of no package",
		"preload-variable":             "A setting puts a library into programs",
		"pam-module-unowned":           "Module of PAM that is of no package",
		"pam-runs-program":             "PAM runs a program at logons",
		"shell-intercepts":             "A shell's start file stands in for a program that asks for a password",
		"package-script-changed":       "Script of an installed package written after its installation",
		"package-file-changed":         "Program or library is not what its package installed",
		"privileged-unowned":           "Program with root's rights that is of no package",
		"empty-password":               "Account that lets in without a password",
		"sudo-no-password":             "Anything as root, and no password is asked",
		"clock-unsynchronised":         "Nothing keeps the clock right",
		"ssh-root-password":            "root logged on over SSH with a password",
		"ransom-note-name":             "File with a name like a ransom note's",
		"hidden-process":               "Process hidden from the host's own tools",
		"process-decoy":                "What /proc shows under a number is not the process",
		"hidden-module":                "Kernel module that one of the kernel's lists lacks",
		"module-unknown-file":          "Kernel module from outside the system's module folders",
		"kernel-taint-unexplained":     "A module tainted the kernel, and no loaded module has that taint",
		"kernel-helper":                "The kernel starts a program from a folder anyone may write to",
		"kernel-hook":                  "A module intercepts a system call",
		"process-preload":              "Process started with a library forced into it",
		"process-memory-library":       "Process runs code from memory that was never a file",
		"interface-promiscuous":        "Network interface hands over every frame",
	},

	HostClock: "Host and clock", System: "System", Kernel: "Kernel", Arch: "Architecture", MachineID: "Machine ID", Domain: "Domain", Hardware: "Hardware", Platform: "Runs in", Source: "Examined as",
	Clock: "Clock", ClockNow: "Said when opened", BootTime: "Started", Zone: "Time zone", Synchronised: "synchronised", Unsynchronised: "not synchronised: times may be off by any amount",
	SyncUnknown: "not known whether it is synchronised", NoSkew: "Times on this page are UTC, as the host claims them; they were not compared with another clock.",
	Yes: "yes", No: "no", Unknown: "not known",

	Exposure: "Services this host offers", ExposureNote: "Sockets that wait for others. Whether a firewall stands before them is not seen here.",
	NoExposure: "No listening sockets were recorded.", Service: "Port", Address: "Address", Reachable: "from the network", LocalOnly: "from this host only", Program: "Program", User: "User",

	Timeline: "Timeline", TimelineNote: "Events a day, on a logarithmic scale, in the sixty days up to the collection.", NoTimeline: "There is no timeline.",
	LogEvents: "records of logs", FileTimes: "times of files", Earlier: "events before", Later: "events after the collection: a wrong clock, or tampering", Untimed: "records without a possible time",
	FirstEvents: "First recorded", LastEvents: "Last recorded", Time: "Time (UTC)", Event: "Event", File: "File",

	Taken: "What was taken", TakenNote: "By source, in the order taken.", By: "Source", Missing: "What was not taken", MissingNote: "Everything planned has an outcome; nothing is left out in silence.",
	NothingMissing: "Everything planned was taken.", Reason: "Reason", Paths: "Path", Count: "Number",
	Groups: map[string]string{
		"gap": "Gaps that matter", "denied": "Denied by the system", "failed": "Failed", "truncated": "Taken in part", "skipped": "Left out on purpose", "absent": "Not there",
	},

	Processes: "Processes", ProcessesNote: "Those with findings first; the kernel's own are left out.", Command: "Command", Started: "Started",
	Accounts: "Accounts", Sessions: "Logged on", Interfaces: "Network interfaces", Name: "Name", Home: "Home", Shell: "Shell", Password: "Password", Admin: "administrator", From: "From", Terminal: "Terminal",
	Up: "up", Promiscuous: "takes every frame",

	Screens: "Screens", ScreensNote: "What the people on the host saw, and the titles of the windows. The pictures lie beside this page and are only linked, so that it loads nothing.",
	Session: "Session", Picture: "Picture", Windows: "Windows", Locked: "locked",

	Custody: "Custody", CustodyNote: "The chain as the manifest, which is signed, records it.", Step: "Step", Who: "Who", Detail: "Detail", Signer: "Signing key of the run",
	SignerNote: "Compare with what the operator read out. The key was made for this run; its private half is gone.", Recipients: "Sealed to", Digest: "SHA-256", Options: "Command line", Commit: "commit",

	Faults: "Of this folder could not be read", Cut: "Longer than this page shows",
}
