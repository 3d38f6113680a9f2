package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"spor/build/kit"
	"spor/cmd/internal/cli"
	"spor/package/seal"
	"spor/upload"
	"spor/upload/folder"
	"spor/upload/tus"
)

// maxInput bounds the small files the program is given, in bytes.
const maxInput = 4 << 20

// loadKit reads the kit that was named, or the one that the executable carries, or the one beside it. Without any it returns
// a nil kit.
func loadKit(name string, now time.Time) (k *kit.Kit, signer string, err error) {
	data, name, err := kitFile(name)
	if err != nil {
		return nil, "", cli.Fail(cli.Usage, "", fmt.Errorf("kit: %w", err))
	}
	if name == "" {
		return nil, "", nil
	}
	if k, signer, err = kit.Read(data, certKey, now); err != nil {
		return nil, "", cli.Fail(cli.Usage, "ask the CERT for a new kit", fmt.Errorf("kit %s: %w", name, err))
	}
	return k, signer, nil
}

// kitFile finds the kit and says where it was. An empty name means that there is none, which only a build for one CERT minds.
func kitFile(name string) (data []byte, where string, err error) {
	if name != "" {
		data, err = readSmall(name)
		return data, name, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, "", nil //nolint:nilerr // without knowing where we are there is no kit beside us
	}
	if data, err = carried(exe); data != nil || err != nil {
		return data, exe, err
	}
	beside := filepath.Join(filepath.Dir(exe), "spor.kit")
	data, err = readSmall(beside)
	if errors.Is(err, fs.ErrNotExist) && certKey == "" {
		return nil, "", nil
	}
	return data, beside, err
}

// carried is the kit within a program; nil where it has none, or is not ours to read.
func carried(exe string) ([]byte, error) {
	f, err := os.Open(exe)
	if err != nil {
		return nil, nil //nolint:nilerr // a program may be run by who may not read it; it has no kit then
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return kit.Carried(f, st.Size())
}

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err == nil && len(data) > maxInput {
		err = fmt.Errorf("%s: larger than %d bytes", name, maxInput)
	}
	return data, err
}

// recipients reads the keys to seal to: the files that were named, else the kit's.
func recipients(files []string, k *kit.Kit, now time.Time) ([]seal.Recipient, error) {
	var all []seal.Recipient
	for _, name := range files {
		data, err := readSmall(name)
		if err != nil {
			return nil, cli.Fail(cli.Usage, "", fmt.Errorf("recipient: %w", err))
		}
		found, err := seal.ReadRecipients(strings.NewReader(string(data)), now)
		if err != nil {
			return nil, recipientError(name, err)
		}
		all = append(all, found...)
	}
	if len(files) == 0 && k != nil {
		for _, armored := range k.Recipients {
			found, err := seal.ReadRecipients(strings.NewReader(armored), now)
			if err != nil {
				return nil, recipientError("of the kit", err)
			}
			all = append(all, found...)
		}
	}
	if len(all) == 0 {
		return nil, cli.Fail(cli.Usage, "make a key with: spor-desk keygen --name CERT --email cert@example.org --out keys; then: spor collect --recipient keys/cert-public.asc",
			errors.New("nobody to seal to: no --recipient and no kit"))
	}
	return all, nil
}

func recipientError(name string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, seal.ErrPrivateKey):
		hint = "take this file off the host; the CERT's public key is enough: gpg --export --armor KEY"
	case errors.Is(err, seal.ErrNotKey):
		hint = "a public key begins with -----BEGIN PGP PUBLIC KEY BLOCK-----"
	}
	return cli.Fail(cli.Usage, hint, fmt.Errorf("recipient %s: %w", name, err))
}

// A target is where finished volumes are sent.
type target struct {
	url string // without user information
	upload.Destination
}

// targets opens the destinations of a run. No receiver is contacted yet.
func targets(urls []string, token, pin string) ([]target, error) {
	return targetsWithin(urls, token, pin, defaultSilence)
}

// targetsWithin does so where a folder may not answer for as long as silence.
func targetsWithin(urls []string, token, pin string, silence time.Duration) ([]target, error) {
	var all []target
	for _, raw := range urls {
		d, err := destination(raw, token, pin, silence)
		if err != nil {
			return nil, cli.Fail(cli.Usage, "", fmt.Errorf("upload to %s: %w", raw, err))
		}
		all = append(all, target{raw, d})
	}
	return all, nil
}

func destination(raw, token, pin string, silence time.Duration) (upload.Destination, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	switch u.Scheme {
	case "https", "http":
		return tus.New(raw, tus.Options{Token: token, PinSHA256: pin})
	case "file":
		return folder.New(filepath.FromSlash(driveless(u.Path)), silence)
	}
	return nil, fmt.Errorf("destinations of kind %q are not in this build; https:// and file:/// are", u.Scheme)
}

// driveless takes the slash off file:///C:/folder.
func driveless(p string) string {
	if drivePath.MatchString(p) {
		return p[1:]
	}
	return p
}

var drivePath = regexp.MustCompile(`^/[A-Za-z]:(/|$)`)
