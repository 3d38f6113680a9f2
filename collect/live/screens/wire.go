package screens

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// What a copy of ourselves says through the pipe: a Shot as JSON, and the picture, each behind its length.
const (
	maxShot    = 8 << 20   // bytes
	maxPicture = 128 << 20 // bytes
)

var errLonger = errors.New("it says more than it may")

func send(w io.Writer, shot Shot, picture []byte) error {
	b, err := json.Marshal(shot)
	if err != nil {
		return err
	}
	for _, part := range [][]byte{b, picture} {
		if _, err := w.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(part)))); err != nil {
			return err
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// receive reads what send wrote. Whoever owns the session may have changed the other end: nothing of it is believed but
// its size.
func receive(r io.Reader) (shot Shot, picture []byte, err error) {
	b, err := part(r, maxShot)
	if err != nil {
		return shot, nil, fmt.Errorf("description: %w", err)
	}
	if err := json.Unmarshal(b, &shot); err != nil {
		return shot, nil, fmt.Errorf("description: %w", err)
	}
	picture, err = part(r, maxPicture)
	if err != nil {
		return shot, nil, fmt.Errorf("picture: %w", err)
	}
	return shot, picture, nil
}

func part(r io.Reader, most int64) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(size[:]))
	if n > most {
		return nil, errLonger
	}
	b, err := io.ReadAll(io.LimitReader(r, n)) // as much memory as there is to read, not as it says
	if err == nil && int64(len(b)) < n {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}
