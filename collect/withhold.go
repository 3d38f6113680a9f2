package collect

import (
	"bytes"
	"io"

	"spor/artifacts"
)

// Private keys lie under names of all kinds, so that a small file is looked into before it is taken.
const (
	keySize = 32 << 10 // bytes: no key file is larger
	keyHead = 1 << 10  // bytes that are looked into
)

// keyMarks are what a line of a private key begins with: PEM (RFC 7468, RFC 4716, OpenPGP's armor), PuTTY, age.
var keyMarks = [][]byte{
	[]byte("-----BEGIN "), []byte("---- BEGIN SSH2 "), []byte("PuTTY-User-Key-File-"), []byte("AGE-SECRET-KEY-1"),
}

// HoldsKey tells whether a file that begins with head is a private key, whatever it is called.
func HoldsKey(head []byte) bool {
	for line := range bytes.Lines(head) {
		line = bytes.TrimLeft(line, "\ufeff \t")
		for i, mark := range keyMarks {
			if bytes.HasPrefix(line, mark) && (i > 1 || bytes.Contains(line, []byte("PRIVATE KEY"))) {
				return true
			}
		}
	}
	return false
}

// withheld tells why the file of a name is not to be taken; empty: it is.
func (r *recorder) withheld(p artifacts.Path) string {
	o := &r.engine.opts
	if o.Secrets || o.Withhold == nil {
		return ""
	}
	return o.Withhold(p)
}

// look reads the beginning of a small file, and tells why it is not to be taken. The file it gives back is still whole.
func (r *recorder) look(f artifacts.File, size int64) (artifacts.File, string) {
	if r.engine.opts.Secrets || size <= 0 || size > keySize {
		return f, ""
	}
	head, _ := io.ReadAll(io.LimitReader(f, keyHead)) // an error comes again when it is read to the end
	if HoldsKey(head) {
		return f, "holds a private key: taken only with --include-secrets"
	}
	return &limited{f, io.MultiReader(bytes.NewReader(head), f)}, ""
}
