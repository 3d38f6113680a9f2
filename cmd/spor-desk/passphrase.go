package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"spor/cmd/internal/cli"
)

// maxPassphrase bounds what is read of one, in bytes.
const maxPassphrase = 4096

// ask reads a passphrase from the terminal, which does not show it. Without a terminal there is nobody to ask.
func ask(s cli.Streams, question string) (secret []byte, err error) {
	terminal, ok := s.In.(*os.File)
	if !ok {
		return nil, errors.New("no passphrase")
	}
	restore, err := silence(terminal)
	if err != nil {
		return nil, errors.New("no passphrase, and no terminal to ask at")
	}
	fmt.Fprint(s.Err, question)
	secret, err = readSecret(terminal)
	fmt.Fprintln(s.Err)
	return secret, errors.Join(err, restore())
}

// askNew asks for a passphrase that is not in use yet: twice, as a slip would lock the key for ever.
func askNew(s cli.Streams) ([]byte, error) {
	secret, err := ask(s, "new passphrase: ")
	if err != nil {
		return nil, err
	}
	again, err := ask(s, "the same again: ")
	switch {
	case err != nil:
		return nil, err
	case !bytes.Equal(secret, again):
		return nil, errors.New("the two passphrases differ")
	case len(secret) == 0:
		return nil, errors.New("the passphrase is empty")
	}
	return secret, nil
}

// readSecret reads a line from a terminal that leaves all keys to us: it must not end the program either, which would
// leave the terminal silent.
func readSecret(r io.Reader) (line []byte, err error) {
	const interrupt, end, backspace, erase, remove = 3, 4, 8, 21, 127
	var key [1]byte
	for len(line) < maxPassphrase {
		if _, err := io.ReadFull(r, key[:]); err != nil {
			return nil, err
		}
		switch key[0] {
		case '\r', '\n':
			return line, nil
		case interrupt, end:
			return nil, cli.ErrInterrupted
		case backspace, remove:
			_, size := utf8.DecodeLastRune(line)
			line = line[:len(line)-size]
		case erase:
			line = nil
		default:
			line = append(line, key[0])
		}
	}
	return nil, fmt.Errorf("a passphrase of more than %d bytes", maxPassphrase)
}
