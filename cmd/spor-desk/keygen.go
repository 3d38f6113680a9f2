package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"spor/cmd/internal/cli"
	"spor/package/seal"
)

func keygenCommand(s cli.Streams) *cobra.Command {
	var name, email, out, passphraseFile string
	var bare bool
	cmd := &cobra.Command{
		Use:     "keygen --name N --email E --out DIR",
		Short:   "Make a CERT key pair: cert-public.asc and cert-private.asc",
		Example: `  spor-desk keygen --name "CERT-IS" --email cert@cert.is --out keys`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var secret []byte
			if !bare {
				var err error
				if secret, err = passphrase(passphraseFile, func() ([]byte, error) { return askNew(s) }); err != nil {
					return cli.Fail(cli.Usage, "give it in --passphrase-file or SPOR_DESK_PASSPHRASE, or say --no-passphrase", err)
				}
			}
			return keygen(s, name, email, out, secret)
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "whose key it is")
	f.StringVar(&email, "email", "", "address in the key")
	f.StringVar(&out, "out", "", "`folder` for the two files")
	f.StringVar(&passphraseFile, "passphrase-file", "", "`file` with the passphrase on its first line")
	f.BoolVar(&bare, "no-passphrase", false, "leave the private key unprotected")
	for _, required := range []string{"name", "email", "out"} {
		cmd.MarkFlagRequired(required)
	}
	return cmd
}

func keygen(s cli.Streams, name, email, out string, secret []byte) error {
	public, private, fingerprint, err := seal.Generate(name, email, secret)
	if err != nil {
		return cli.Fail(cli.Failed, "", err)
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return cli.Fail(cli.Usage, "", err)
	}
	for file, content := range map[string]string{"cert-private.asc": private, "cert-public.asc": public} {
		if err := writeNew(filepath.Join(out, file), []byte(content)); err != nil {
			return cli.Fail(cli.Usage, "keys are never overwritten", err)
		}
	}
	fmt.Fprintf(s.Out, "public key   %s\nprivate key  %s\nfingerprint  %s\n", filepath.Join(out, "cert-public.asc"),
		filepath.Join(out, "cert-private.asc"), cli.Groups(fingerprint))
	return nil
}

// writeNew writes a file that must not be there yet, readable by its owner alone.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// passphrase comes from a file, else from the environment, else from the person at the terminal.
func passphrase(file string, ask func() ([]byte, error)) ([]byte, error) {
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, maxPassphrase))
		line, _, _ := bytes.Cut(data, []byte("\n"))
		return bytes.TrimSuffix(line, []byte("\r")), err
	}
	if secret, ok := os.LookupEnv("SPOR_DESK_PASSPHRASE"); ok && secret != "" {
		return []byte(secret), nil
	}
	return ask()
}

// openKey makes ready the private key a command was given: a file, or gpg:FINGERPRINT for one that GnuPG keeps.
func openKey(s cli.Streams, name, passphraseFile string) (*seal.Key, error) {
	if fingerprint, ok := strings.CutPrefix(name, "gpg:"); ok {
		key, err := gnupgKey(fingerprint)
		if err != nil {
			return nil, cli.Fail(cli.Key, "gpg --list-secret-keys shows the keys that GnuPG has", fmt.Errorf("key %s: %w", name, err))
		}
		return key, nil
	}
	if name == "" {
		return nil, cli.Fail(cli.Key, "give the private key with --key", errors.New("the bundle is sealed"))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, cli.Fail(cli.Key, "", fmt.Errorf("key: %w", err))
	}
	defer f.Close()
	key, err := seal.OpenKey(f, func() ([]byte, error) {
		return passphrase(passphraseFile, func() ([]byte, error) { return ask(s, "passphrase of "+name+": ") })
	})
	if err != nil {
		hint := ""
		if errors.Is(err, seal.ErrPassphrase) {
			hint = "give it in --passphrase-file or SPOR_DESK_PASSPHRASE"
		}
		return nil, cli.Fail(cli.Key, hint, fmt.Errorf("key %s: %w", name, err))
	}
	return key, nil
}

// plainList joins names for a sentence.
func plainList(names []string) string { return strings.Join(names, ", ") }
