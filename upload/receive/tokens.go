package receive

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"spor/upload"
)

const tokensDir = ".tokens"

// Tokens are those of a store. What is kept of a token is the hash of its secret, so who reads the store cannot
// upload. Changes are seen by a running server at once.
type Tokens struct{ root *os.Root }

// A Token lets its bearer upload for one case.
type Token struct {
	ID      string    `json:"id"`
	Case    string    `json:"case"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	Revoked time.Time `json:"revoked,omitzero"` // zero: not
}

type tokenRecord struct {
	Token
	SecretSHA256 string `json:"secret_sha256"`
}

// ErrCase is returned for what cannot name a case.
var ErrCase = errors.New("not a case id: 1 to 64 of A-Z a-z 0-9 . _ - and not beginning with . or -")

// CheckCase tells whether a case can have that id.
func CheckCase(id string) error {
	if len(id) > 64 || upload.CheckName(id) != nil || strings.EqualFold(id, logName) {
		return fmt.Errorf("%q: %w", id, ErrCase)
	}
	return nil
}

// OpenTokens opens those of a store, which is made if it is missing. It must be closed.
func OpenTokens(storeDir string) (*Tokens, error) {
	root, err := openRoot(storeDir)
	if err != nil {
		return nil, err
	}
	return &Tokens{root: root}, nil
}

// Close releases the store.
func (t *Tokens) Close() error { return t.root.Close() }

var lower32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// New makes a token for a case, valid until expires (zero: for ever). The text, spor_<id>_<secret>, is not kept.
func (t *Tokens) New(caseID string, expires time.Time) (string, error) {
	if err := CheckCase(caseID); err != nil {
		return "", err
	}
	if err := t.sameSpelling(caseID); err != nil {
		return "", err
	}
	random := make([]byte, 5+32)
	_, _ = rand.Read(random) // never fails
	id, secret := lower32.EncodeToString(random[:5]), lower32.EncodeToString(random[5:])
	now := time.Now().UTC().Truncate(time.Second)
	if !expires.IsZero() && !expires.After(now) {
		return "", fmt.Errorf("a token that expires at %v has expired already", expires.UTC().Format(time.RFC3339))
	}
	if _, err := t.root.Lstat(tokenFile(id)); err == nil {
		return "", fmt.Errorf("token id %s is taken; try again", id)
	}
	if err := t.write(tokenRecord{Token{ID: id, Case: caseID, Created: now, Expires: expires.UTC()}, hash(secret)}); err != nil {
		return "", err
	}
	return "spor_" + id + "_" + secret, nil
}

// sameSpelling refuses a case that differs from another in upper and lower case only: on some file systems the two
// would be one folder.
func (t *Tokens) sameSpelling(caseID string) error {
	tokens, err := t.List()
	if err != nil {
		return err
	}
	for _, other := range tokens {
		if other.Case != caseID && strings.EqualFold(other.Case, caseID) {
			return fmt.Errorf("case %q: there is a case %q", caseID, other.Case)
		}
	}
	return nil
}

// List gives all tokens, oldest first. Records that cannot be read are in the error; the others are given with it.
func (t *Tokens) List() ([]Token, error) {
	entries, err := fs.ReadDir(t.root.FS(), tokensDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var tokens []Token
	var errs []error
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			continue
		}
		rec, err := t.read(id)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		tokens = append(tokens, rec.Token)
	}
	slices.SortStableFunc(tokens, func(a, b Token) int { return a.Created.Compare(b.Created) })
	return tokens, errors.Join(errs...)
}

// Revoke ends a token, given by its id or by its whole text. A request that is being answered is not cut.
func (t *Tokens) Revoke(id string) error {
	if parsed, _, ok := parseToken(id); ok {
		id = parsed
	}
	rec, err := t.read(id)
	if err != nil {
		return err
	}
	if rec.Revoked.IsZero() {
		rec.Revoked = time.Now().UTC().Truncate(time.Second)
	}
	return t.write(rec)
}

// What a request without a valid token is told. Only who knows the secret learns why.
var (
	errNoToken = errors.New("no such token")
	errRevoked = errors.New("the token was revoked")
	errExpired = errors.New("the token has expired")
)

// check finds the token of a text.
func (t *Tokens) check(text string) (Token, error) {
	id, secret, ok := parseToken(text)
	if !ok {
		return Token{}, errNoToken
	}
	rec, err := t.read(id)
	if err != nil {
		rec.SecretSHA256 = hash("") // the same work for an id that is not
	}
	if subtle.ConstantTimeCompare([]byte(hash(secret)), []byte(rec.SecretSHA256)) != 1 {
		return Token{}, errNoToken
	}
	switch {
	case !rec.Revoked.IsZero():
		return Token{}, errRevoked
	case !rec.Expires.IsZero() && !time.Now().Before(rec.Expires):
		return Token{}, errExpired
	case CheckCase(rec.Case) != nil:
		return Token{}, errNoToken
	}
	return rec.Token, nil
}

// parseToken cuts spor_<id>_<secret>. The id is safe as a file name.
func parseToken(text string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(text, "spor_")
	if !ok || len(text) > 128 {
		return "", "", false
	}
	id, secret, ok = strings.Cut(rest, "_")
	return id, secret, ok && validID(id) && len(secret) >= 32
}

func validID(id string) bool {
	b, err := lower32.DecodeString(id)
	return err == nil && len(b) == 5
}

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func tokenFile(id string) string { return path.Join(tokensDir, id+".json") }

func (t *Tokens) read(id string) (tokenRecord, error) {
	var rec tokenRecord
	if !validID(id) {
		return rec, fmt.Errorf("token %q: %w", id, errNoToken)
	}
	b, err := readSmall(t.root, tokenFile(id))
	if errors.Is(err, fs.ErrNotExist) {
		return rec, fmt.Errorf("token %q: %w", id, errNoToken)
	}
	if err != nil {
		return rec, err
	}
	if err := json.Unmarshal(b, &rec); err != nil || rec.ID != id {
		return tokenRecord{}, fmt.Errorf("%s: not a token record (%w)", tokenFile(id), err)
	}
	return rec, nil
}

func (t *Tokens) write(rec tokenRecord) error {
	b, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(t.root, tokenFile(rec.ID), b)
}
