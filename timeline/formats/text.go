package formats

import (
	"slices"

	"spor/timeline"
	"spor/timeline/format/auditd"
	"spor/timeline/format/containers"
	"spor/timeline/format/databases"
	"spor/timeline/format/edge"
	"spor/timeline/format/ftp"
	"spor/timeline/format/histories"
	"spor/timeline/format/mail"
	"spor/timeline/format/packages"
	"spor/timeline/format/security"
	"spor/timeline/format/syslog"
)

// text are the parsers of text logs, the strictest first: syslog's traditional form is the least strict.
func text() timeline.Formats {
	return slices.Concat(
		timeline.Formats{auditd.Format}, syslog.Exports,
		containers.Formats, security.Formats, edge.Formats, databases.Formats, packages.Formats, ftp.Formats, mail.Formats, histories.Formats,
		timeline.Formats{syslog.Format},
	)
}
