// Package program says what a program file is that something was loaded from, or will be: its hash, who signed it and
// whether the signature holds, and what its version resource claims.
//
// Signatures are checked by the Windows that runs (WinVerifyTrust), embedded ones first and then those of the catalogs,
// by which most of Windows is signed. Nothing is asked over the network: neither for revocation nor for missing
// certificates.
package program

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"spor/artifacts"
)

// A File is what is known of a program file. What is zero or absent is not known.
type File struct {
	Path      artifacts.Path `json:"path"`
	SHA256    string         `json:"sha256,omitempty"`   // lower-case hex
	Size      int64          `json:"size,omitempty"`     // bytes
	Modified  time.Time      `json:"modified,omitzero"`  //
	Gone      bool           `json:"gone,omitempty"`     // nothing has this name
	Error     string         `json:"error,omitempty"`    // why there is no hash
	Signature *Signature     `json:"signature,omitzero"` // nil: not checked
	Version   *Version       `json:"version,omitzero"`   // nil: it has none
}

// A Signature is what the system says of who signed a file.
type Signature struct {
	Status     string         `json:"status"`               // one of Statuses
	Signer     string         `json:"signer,omitempty"`     // common name of the certificate
	Issuer     string         `json:"issuer,omitempty"`     // common name
	Thumbprint string         `json:"thumbprint,omitempty"` // SHA-1 of the certificate, lower-case hex
	Catalog    artifacts.Path `json:"catalog,omitempty"`    // that holds the signature; empty: the file itself
	Error      string         `json:"error,omitempty"`      // why it is "unknown"
}

// Statuses are what can be said of a signature.
var Statuses = []string{
	Valid, Unsigned, "bad_digest", "untrusted_root", "incomplete_chain", "expired", "revoked", "distrusted", "wrong_use", Unknown,
}

// The statuses that others ask for.
const (
	Valid    = "valid"
	Unsigned = "unsigned" // neither it nor a catalog has a signature
	Unknown  = "unknown"  // it could not be checked
)

// A Version is what a file claims of itself, signed or not.
type Version struct {
	Description  string `json:"description,omitempty"`
	Company      string `json:"company,omitempty"`
	Product      string `json:"product,omitempty"`
	Number       string `json:"number,omitempty"`
	OriginalName string `json:"original_name,omitempty"` // another than its own: it was renamed
}

// maxFile bounds how much of one file is read, in bytes.
const maxFile = 1 << 30

// seen are the files that were looked at, by path, size and time: each is read once in a run.
var (
	seenMu sync.Mutex
	seen   = map[string]File{}
)

// Look describes the file at p of a live host. It is never an error: what could not be had stands in the File.
func Look(ctx context.Context, files artifacts.Files, p artifacts.Path) File {
	file := File{Path: p}
	f, err := files.Open(p)
	if err != nil {
		file.Error, file.Gone = err.Error(), errors.Is(err, fs.ErrNotExist)
		return file
	}
	defer f.Close() // opened for reading: there is nothing to lose
	s, err := f.Stat()
	if err != nil {
		file.Error = err.Error()
		return file
	}
	key := strings.ToLower(string(p)) + "|" + strconv.FormatInt(s.Size, 10) + "|" + strconv.FormatInt(s.Times.Modified.UnixNano(), 10)
	seenMu.Lock()
	known, ok := seen[key]
	seenMu.Unlock()
	if ok {
		known.Path = p
		return known
	}
	file.Size, file.Modified = s.Size, s.Times.Modified
	file.SHA256, err = hash(ctx, f, s.Size)
	if err != nil {
		file.Error = err.Error()
		return file
	}
	file.Signature, file.Version = ask(ctx, string(p))
	seenMu.Lock()
	seen[key] = file
	seenMu.Unlock()
	return file
}

// First looks at the first of several names that there is, and where there is none at the first.
func First(ctx context.Context, files artifacts.Files, names []string) *File {
	for _, name := range names {
		if s, err := files.Lstat(artifacts.Path(name)); err == nil && s.Kind == artifacts.Regular {
			f := Look(ctx, files, artifacts.Path(name))
			return &f
		}
	}
	if len(names) == 0 || names[0] == "" {
		return nil
	}
	f := Look(ctx, files, artifacts.Path(names[0]))
	return &f
}

func hash(ctx context.Context, f io.Reader, size int64) (string, error) {
	if size > maxFile {
		return "", errors.New("larger than 1 GiB: not hashed")
	}
	sum, buf := sha256.New(), make([]byte, 256<<10)
	if _, err := io.CopyBuffer(sum, reader{ctx, io.LimitReader(f, maxFile)}, buf); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// A reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// status puts what WinVerifyTrust answers into a word (winerror.h), and tells whether it is one we know.
func status(code uint32) (string, bool) {
	switch code {
	case 0:
		return Valid, true
	case 0x800b0100, 0x800b0003, 0x800b0001: // TRUST_E_NOSIGNATURE; of a form, or of a provider, that knows no signatures
		return Unsigned, true
	case 0x80096010: // TRUST_E_BAD_DIGEST
		return "bad_digest", true
	case 0x800b0109: // CERT_E_UNTRUSTEDROOT
		return "untrusted_root", true
	case 0x800b010a: // CERT_E_CHAINING
		return "incomplete_chain", true
	case 0x800b0101: // CERT_E_EXPIRED
		return "expired", true
	case 0x800b010c: // CERT_E_REVOKED
		return "revoked", true
	case 0x800b0111, 0x800b0004: // TRUST_E_EXPLICIT_DISTRUST, TRUST_E_SUBJECT_NOT_TRUSTED
		return "distrusted", true
	case 0x800b0110: // CERT_E_WRONG_USAGE
		return "wrong_use", true
	}
	return Unknown, false
}
