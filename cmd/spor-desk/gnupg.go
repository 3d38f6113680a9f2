package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"spor/package/seal"
)

// gnupgKey is a private key that GnuPG keeps, in its agent or on a smart card, named by its fingerprint. GnuPG asks for
// the passphrase or PIN in its own way, and gives us no more than the session key of each message.
func gnupgKey(fingerprint string) (*seal.Key, error) {
	fingerprint = strings.ToUpper(strings.ReplaceAll(fingerprint, " ", ""))
	if !regexp.MustCompile(`^([0-9A-F]{40}|[0-9A-F]{64})$`).MatchString(fingerprint) {
		return nil, errors.New("GnuPG's keys are named by their fingerprint, of 40 hexadecimal digits")
	}
	list, _, err := gnupg(nil, "--with-colons", "--list-secret-keys", fingerprint)
	if err != nil {
		return nil, fmt.Errorf("GnuPG: %w", err)
	}
	user, ids := "", []uint64(nil)
	for line := range strings.Lines(string(list)) { // doc/DETAILS of GnuPG, "Format of the colon listings"
		const keyID, userID = 4, 9
		fields := strings.Split(line, ":")
		switch {
		case len(fields) <= userID:
		case fields[0] == "uid" && user == "":
			user = fields[userID]
		case fields[0] == "sec", fields[0] == "ssb":
			id, err := strconv.ParseUint(fields[keyID], 16, 64)
			if err != nil {
				return nil, fmt.Errorf("gpg's list of keys: %w", err)
			}
			ids = append(ids, id)
		}
	}
	return seal.RemoteKey(fingerprint, user, ids, func(packets []byte) (seal.SessionKey, error) {
		return gnupgSessionKey(fingerprint, packets)
	}), nil
}

// A refusal is why GnuPG did not open a session key: for us it is then the wrong key.
type refusal struct{ error }

func (r refusal) Unwrap() []error { return []error{r.error, seal.ErrWrongKey} }

// gnupgSessionKey lets GnuPG decrypt a message of these session key packets and nothing worth the name after them. That
// fails, but before it does, GnuPG tells the session key (doc/DETAILS of GnuPG, "SESSION_KEY").
func gnupgSessionKey(fingerprint string, packets []byte) (key seal.SessionKey, err error) {
	nothing := append([]byte{0xd2, 41, 1}, make([]byte, 40)...) // an encrypted packet, of version 1
	status, said, err := gnupg(append(bytes.Clone(packets), nothing...), "--status-fd", "1", "--try-secret-key", fingerprint, "--show-session-key", "--decrypt")
	if errors.Is(err, exec.ErrNotFound) {
		return key, refusal{err}
	}
	for line := range strings.Lines(string(status)) {
		if words := strings.Fields(line); len(words) > 2 && words[1] == "SESSION_KEY" {
			return sessionKey(words[2])
		}
	}
	return key, refusal{fmt.Errorf("gpg: %s", said)}
}

// sessionKey reads GnuPG's way of writing one: the cipher's number, a colon, and hexadecimal digits.
func sessionKey(text string) (key seal.SessionKey, err error) {
	number, digits, _ := strings.Cut(text, ":")
	cipher, err := strconv.ParseUint(number, 10, 8)
	if err != nil {
		return key, fmt.Errorf("gpg's session key: %w", err)
	}
	key.Cipher = byte(cipher)
	if key.Key, err = hex.DecodeString(digits); err != nil {
		return key, fmt.Errorf("gpg's session key: %w", err)
	}
	return key, nil
}

// gnupg runs gpg and returns what it wrote and the last line it said. What fails is said in that line.
func gnupg(in []byte, args ...string) (out []byte, said string, err error) {
	program := exec.Command("gpg", append([]string{"--batch"}, args...)...)
	var stderr bytes.Buffer
	program.Stdin, program.Stderr, program.Env = bytes.NewReader(in), &stderr, append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err = program.Output()
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	said = strings.TrimPrefix(lines[len(lines)-1], "gpg: ")
	if err != nil && said != "" && !errors.Is(err, exec.ErrNotFound) {
		err = errors.New(said)
	}
	return out, said, err
}
