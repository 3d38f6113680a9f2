package formats

import (
	"slices"

	"spor/timeline"
	"spor/timeline/format/addressing"
	"spor/timeline/format/auditd"
	"spor/timeline/format/containers"
	"spor/timeline/format/databases"
	"spor/timeline/format/edge"
	"spor/timeline/format/ftp"
	"spor/timeline/format/histories"
	"spor/timeline/format/mail"
	"spor/timeline/format/packages"
	"spor/timeline/format/php"
	"spor/timeline/format/security"
	"spor/timeline/format/syslog"
	"spor/timeline/format/w3c"
	"spor/timeline/format/webaccess"
	"spor/timeline/format/weberror"
)

// text are the parsers of text logs, the strictest first: syslog's traditional form is the least strict.
func text() timeline.Formats {
	return slices.Concat(
		timeline.Formats{auditd.Format}, syslog.Exports,
		containers.Formats, security.Formats, w3c.Formats, edge.Formats, webaccess.Formats, weberror.Formats, php.Formats, databases.Formats, packages.Formats, ftp.Formats, mail.Formats, addressing.Formats, histories.Formats,
		timeline.Formats{syslog.Format},
	)
}
