// Package gomime stands in for github.com/ProtonMail/go-mime, with which gopenpgp reads signed mail. Nothing of ours reads
// such mail, and the real one brings the tables of all the world's character sets into every program: a quarter of a
// megabyte on a slow stick. What would be read with it is refused.
package gomime

import (
	"errors"
	"io"
	"net/textproto"
)

var errLeftOut = errors.New("reading mail inside OpenPGP is left out of this program")

// VisitAcceptor is shown the parts of a mail.
type VisitAcceptor interface {
	Accept(part io.Reader, h textproto.MIMEHeader, hasPlainSibling, isFirst, isLast bool) error
}

// visitor is every collector of go-mime: it takes nothing and holds nothing.
type visitor struct{}

// Accept refuses the part.
func (visitor) Accept(io.Reader, textproto.MIMEHeader, bool, bool, bool) error { return errLeftOut }

// The collectors of go-mime.
type (
	MIMEPrinter          struct{ visitor }
	BodyCollector        struct{ visitor }
	AttachmentsCollector struct{ visitor }
	MimeVisitor          struct{ visitor }
)

// GetBody is empty.
func (*BodyCollector) GetBody() (body, mimeType string) { return "", "" }

// GetHeaders is empty.
func (*BodyCollector) GetHeaders() string { return "" }

// GetAttachments are none.
func (*AttachmentsCollector) GetAttachments() []string { return nil }

// GetAttHeaders are none.
func (*AttachmentsCollector) GetAttHeaders() []string { return nil }

// NewMIMEPrinter makes a visitor that refuses.
func NewMIMEPrinter() *MIMEPrinter { return &MIMEPrinter{} }

// NewBodyCollector makes a visitor that refuses.
func NewBodyCollector(VisitAcceptor) *BodyCollector { return &BodyCollector{} }

// NewAttachmentsCollector makes a visitor that refuses.
func NewAttachmentsCollector(VisitAcceptor) *AttachmentsCollector { return &AttachmentsCollector{} }

// NewMimeVisitor makes a visitor that refuses.
func NewMimeVisitor(VisitAcceptor) *MimeVisitor { return &MimeVisitor{} }

// VisitAll refuses the mail.
func VisitAll(io.Reader, textproto.MIMEHeader, VisitAcceptor) error { return errLeftOut }

// GetRawMimePart gives the part back.
func GetRawMimePart(part io.Reader, _ string) (parsed, raw io.Reader) { return part, part }

// GetMultipartParts refuses the part.
func GetMultipartParts(io.Reader, map[string]string) ([]io.Reader, []textproto.MIMEHeader, error) {
	return nil, nil, errLeftOut
}

// DecodeContentEncoding gives the part back.
func DecodeContentEncoding(part io.Reader, _ string) io.Reader { return part }

// DecodeCharset refuses the text.
func DecodeCharset([]byte, string, map[string]string) ([]byte, error) { return nil, errLeftOut }
