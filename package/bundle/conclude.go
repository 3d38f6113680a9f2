package bundle

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"spor/package/manifest"
	"spor/package/seal"
)

// conclude compares what was read with the signed manifest.
func (c *checker) conclude() {
	c.head.Volume = 0
	v := &c.verdict
	for _, n := range slices.Sorted(maps.Keys(c.volumes)) {
		v.Volumes = append(v.Volumes, c.volumes[n])
	}
	if c.manifest == nil {
		c.differ("", "no manifest: the last volume is missing or was never finished")
		return
	}
	signer, err := c.verifyManifest()
	if err != nil {
		c.differ(manifestName, "%v", err)
		return
	}
	m, err := c.readManifest()
	if err != nil {
		c.differ(manifestName, "%v", err)
		return
	}
	v.Manifest, v.Signer, v.Digest = m, signer, c.digest
	if m.Bundle != v.Bundle || m.Signer.Fingerprint != signer {
		c.differ(manifestName, "is of bundle %s, signed by %s", m.Bundle, m.Signer.Fingerprint)
	}
	if !c.ended {
		c.differ("", "the end of the last volume is missing")
	}
	c.compareVolumes(m)
	for _, n := range slices.Sorted(maps.Keys(c.records)) {
		c.head.Volume = c.records[n].volume
		c.differ(fmt.Sprintf("%s%08d.json", recordsDir, n), "is not in the manifest")
	}
	c.head.Volume = 0
}

func (c *checker) verifyManifest() (signer string, err error) {
	r, err := c.manifest.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	return seal.VerifyStream(c.signer, r, c.signature)
}

// readManifest reads all but the long lists, and compares the entries, one by one, with the records that were read.
func (c *checker) readManifest() (*manifest.Manifest, error) {
	r, err := c.manifest.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	d := json.NewDecoder(bufio.NewReaderSize(r, 64<<10))
	if err := expect(d, '{'); err != nil {
		return nil, err
	}
	short := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var raw json.RawMessage
		switch name {
		case "entries":
			err = each(d, c.compareEntry)
		case "outcomes":
			err = each(d, func(json.RawMessage) error { return nil })
		default:
			err = d.Decode(&raw)
			short[fmt.Sprint(name)] = raw
		}
		if err != nil {
			return nil, err
		}
	}
	if err := expect(d, '}'); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the manifest")
	}
	data, err := json.Marshal(short)
	if err != nil {
		return nil, err
	}
	m := new(manifest.Manifest)
	return m, json.Unmarshal(data, m)
}

func expect(d *json.Decoder, want json.Delim) error {
	if got, err := d.Token(); err != nil || got != want {
		return errors.Join(fmt.Errorf("%v where %v belongs", got, want), err)
	}
	return nil
}

// each decodes the values of a list one by one.
func each(d *json.Decoder, do func(json.RawMessage) error) error {
	if err := expect(d, '['); err != nil {
		return err
	}
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		if err := do(raw); err != nil {
			return err
		}
	}
	return expect(d, ']')
}

func (c *checker) compareEntry(raw json.RawMessage) error {
	var want struct {
		Number, Volume int
		Name           string
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		return err
	}
	got, ok := c.records[want.Number]
	delete(c.records, want.Number)
	c.head.Volume = want.Volume
	switch {
	case !ok:
		c.differ(want.Name, "is missing")
	case got.sum != sha256.Sum256(raw):
		c.differ(want.Name, "its record is not the one in the manifest")
	}
	c.head.Volume = 0
	return nil
}

func (c *checker) compareVolumes(m *manifest.Manifest) {
	for _, want := range m.Volumes {
		c.head.Volume = want.Number
		got, ok := c.volumes[want.Number]
		switch {
		case !ok:
			c.differ("", "is missing (%s)", want.Name)
		case got.SHA256 != want.SHA256 || got.Size != want.Size:
			c.differ("", "%s is not the sealed file that the manifest names: SHA-256 %s, not %s", got.Name, got.SHA256, want.SHA256)
		}
	}
	if last := len(m.Volumes) + 1; len(c.volumes) > 0 {
		for n := range c.volumes {
			if n > last {
				c.head.Volume = n
				c.differ("", "is beyond the last volume, %d", last)
			}
		}
	}
	c.head.Volume = 0
}
