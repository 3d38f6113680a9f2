package evtx

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"spor/timeline/format/eventlog"
)

// Tokens of binary XML, [MS-EVEN6] 2.2.12.1; 0x40 says that more of the kind, or attributes, follow.
const (
	tokenEnd          = 0x00
	tokenOpen         = 0x01
	tokenClose        = 0x02
	tokenCloseEmpty   = 0x03
	tokenEndElement   = 0x04
	tokenText         = 0x05
	tokenAttribute    = 0x06
	tokenCDATA        = 0x07
	tokenChar         = 0x08
	tokenEntity       = 0x09
	tokenPITarget     = 0x0a
	tokenPIData       = 0x0b
	tokenTemplate     = 0x0c
	tokenSubstitution = 0x0d
	tokenOptional     = 0x0e
	tokenFragment     = 0x0f
	tokenMore         = 0x40
)

// Bounds of a template: the largest of Windows' own has below 200 values.
const (
	maxDepth = 64
	maxSlots = 4096
	maxName  = 1024    // bytes
	maxNames = 1 << 18 // bytes of all names, as often as they are said
)

var (
	errCut  = errors.New("binary XML goes over its end")
	errDeep = errors.New("binary XML is nested too deep")
	errWide = errors.New("binary XML has too many values")
)

// A template is a compiled piece of binary XML: its leaves, in the order of the document.
type template struct {
	slots []slot
	sure  bool // every name fits its hash

	// What a definition in another chunk must be like to be the same.
	raw   []byte
	holes []hole
}

// A slot is a leaf of the XML, text of an element or an attribute: a value of System, or one with a name.
type slot struct {
	system  system
	name    string // empty: one of strings
	dynamic []part // the name, where it is no constant
	parts   []part
	only    part // where they are one value of the record; else its index is negative
	kind    *eventlog.Kind

	rendered bool // it is the message as a forwarding host rendered it
}

// A part is a piece of a leaf's content: a text, or a value of the record.
type part struct {
	text     string
	index    int // of the value; negative: text
	kind     byte
	optional bool
}

// fits tells whether values are those of the template: as many as it asks for, of the types it names.
func (t *template) fits(values []value) bool {
	most := -1
	for i := range t.slots {
		for _, p := range t.slots[i].parts {
			if p.index < 0 {
				continue
			}
			if p.index >= len(values) || values[p.index].kind != p.kind && values[p.index].kind != typeNull {
				return false
			}
			most = max(most, p.index)
		}
	}
	return most+1 == len(values)
}

// A hole is a place in a definition where an offset into the chunk stands: bytes that differ although the name does not.
type hole struct {
	at     int
	name   []byte // length and UTF-16, as the chunk has it; nil: a link that means nothing
	inline bool   // the name follows
}

// compiler reads the binary XML of chunk[at:end].
type compiler struct {
	chunk      []byte
	start      int
	at, end    int
	dependency bool // elements have a dependency identifier
	err        error

	path  []string
	used  map[string]int
	slots []slot
	holes []hole
	sure  bool
	names int // bytes
}

// compile reads a definition, or elements without one.
func compile(chunk []byte, at, end int, dependency bool) (*template, error) {
	c := &compiler{chunk: chunk, start: at, at: at, end: end, dependency: dependency, sure: true, used: map[string]int{}}
	for c.err == nil && c.at < c.end {
		switch tok := c.chunk[c.at]; tok &^ tokenMore {
		case tokenFragment:
			c.take(4)
		case tokenOpen:
			c.element()
		case tokenPITarget, tokenPIData:
			c.instruction()
		case tokenEnd:
			c.take(1)
			return c.template(), nil
		default:
			c.fail(fmt.Errorf("token 0x%02x where an element must be", tok))
		}
	}
	return c.template(), c.err
}

func (c *compiler) template() *template {
	return &template{slots: c.slots, sure: c.sure, raw: c.chunk[c.start:c.end], holes: c.holes}
}

func (c *compiler) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.at = c.end
}

// take gives the next n bytes; where they are not, zeros, and the fault is kept.
func (c *compiler) take(n int) []byte {
	if n > c.end-c.at {
		c.fail(errCut)
		return make([]byte, n)
	}
	c.at += n
	return c.chunk[c.at-n : c.at]
}

func (c *compiler) byte() byte  { return c.take(1)[0] }
func (c *compiler) uint16() int { return int(le.Uint16(c.take(2))) }
func (c *compiler) uint32() int { return int(le.Uint32(c.take(4))) }

// peek is the next token without its flag; after the end none that exists.
func (c *compiler) peek() byte {
	if c.at >= c.end {
		return 0xff
	}
	return c.chunk[c.at] &^ tokenMore
}

// name reads a reference to a name: an offset into the chunk, and the name itself where it is that of the next byte.
func (c *compiler) name() string {
	place := c.at - c.start
	offset := c.uint32()
	if c.err != nil {
		return ""
	}
	raw, ok := nameAt(c.chunk, offset)
	if !ok {
		c.fail(fmt.Errorf("no name at %d of the chunk", offset))
		return ""
	}
	if nameHash(raw[2:]) != le.Uint16(c.chunk[offset+4:]) {
		c.sure = false
	}
	c.spend(len(raw))
	inline := offset == c.at
	c.holes = append(c.holes, hole{at: place, name: bytes.Clone(raw), inline: inline})
	if inline {
		c.take(6 + len(raw) + 2)
	}
	return string(appendUTF16(nil, raw[2:]))
}

// spend counts what names take.
func (c *compiler) spend(n int) {
	if c.names += n; c.names > maxNames {
		c.fail(errWide)
	}
}

func (c *compiler) leafName(attribute string) string {
	name := leafName(c.path, attribute)
	c.spend(len(name))
	return name
}

// nameAt gives length and characters of the name at an offset into the chunk: link (4), hash (2), length (2), UTF-16,
// and a zero.
func nameAt(chunk []byte, offset int) ([]byte, bool) {
	if offset < 0 || offset+8 > len(chunk) {
		return nil, false
	}
	size := 2 * int(le.Uint16(chunk[offset+6:]))
	if size > maxName || offset+8+size+2 > len(chunk) || le.Uint16(chunk[offset+8+size:]) != 0 {
		return nil, false
	}
	return chunk[offset+6 : offset+8+size], true
}

// nameHash is that of the chunk's table of names.
func nameHash(b []byte) uint16 {
	h := uint32(0)
	for ; len(b) >= 2; b = b[2:] {
		h = h*65599 + uint32(le.Uint16(b))
	}
	return uint16(h)
}

// element reads an element with all in it.
func (c *compiler) element() {
	more := c.byte()&tokenMore != 0
	if c.dependency {
		c.take(2)
	}
	c.take(4) // its size
	name := c.name()
	if len(c.path) >= maxDepth {
		c.fail(errDeep)
		return
	}
	c.path = append(c.path, name)
	defer func() { c.path = c.path[:len(c.path)-1] }()
	own := slot{name: c.leafName("")}
	named := false
	if more {
		c.take(4) // size of the attributes
		for c.peek() == tokenAttribute {
			named = c.attribute(&own, name) || named
		}
	}
	switch c.byte() {
	case tokenCloseEmpty:
		if named {
			c.leaf(own)
		}
	case tokenClose:
		c.content(own, named)
	default:
		c.fail(errors.New("element without an end of its tag"))
	}
}

// attribute reads one, and tells whether it names the data of the element: Name of <Data>.
func (c *compiler) attribute(own *slot, element string) bool {
	c.byte()
	name := c.name()
	parts := c.parts(nil)
	switch {
	case element == "Data" && name == "Name":
		if len(parts) == 1 && parts[0].index < 0 {
			own.name = parts[0].text
		} else {
			own.dynamic = parts
		}
		return true
	case len(parts) > 0 && name != "xmlns" && !strings.HasPrefix(name, "xmlns:"):
		c.leaf(slot{system: systemLeaf(c.path, name), name: c.leafName(name), parts: parts})
	}
	return false
}

// content reads what is between the tags, up to the end of the element.
func (c *compiler) content(own slot, named bool) {
	children := false
	for c.err == nil {
		switch c.peek() {
		case tokenOpen:
			c.element()
			children = true
		case tokenEndElement:
			c.byte()
			if named || len(own.parts) > 0 && !(children && blank(own.parts)) {
				own.system = systemLeaf(c.path, "")
				c.leaf(own)
			}
			return
		case tokenFragment:
			c.take(4)
		case tokenPITarget, tokenPIData:
			c.instruction()
		default:
			before := c.at
			if own.parts = c.parts(own.parts); c.at == before {
				c.fail(fmt.Errorf("token 0x%02x in an element", c.peek()))
			}
		}
	}
}

// blank tells whether content is white space between elements.
func blank(parts []part) bool {
	for _, p := range parts {
		if p.index >= 0 || strings.TrimSpace(p.text) != "" {
			return false
		}
	}
	return true
}

// parts reads texts and substitutions, as far as they go.
func (c *compiler) parts(parts []part) []part {
	for c.err == nil && len(parts) < maxSlots {
		switch c.peek() {
		case tokenText:
			c.take(2) // and the type, which is always a string
			parts = append(parts, part{text: c.text(), index: -1})
		case tokenCDATA:
			c.byte()
			parts = append(parts, part{text: c.text(), index: -1})
		case tokenChar:
			c.byte()
			parts = append(parts, part{text: string(rune(c.uint16())), index: -1})
		case tokenEntity:
			c.byte()
			parts = append(parts, part{text: entity(c.name()), index: -1})
		case tokenSubstitution, tokenOptional:
			optional := c.byte()&^tokenMore == tokenOptional
			parts = append(parts, part{index: c.uint16(), kind: c.byte(), optional: optional})
		default:
			return parts
		}
	}
	return parts
}

func (c *compiler) text() string {
	return string(appendUTF16(nil, c.take(2*c.uint16())))
}

// entity is the text of an XML entity; the five of XML are all there are.
func entity(name string) string {
	switch name {
	case "lt":
		return "<"
	case "gt":
		return ">"
	case "amp":
		return "&"
	case "quot":
		return `"`
	case "apos":
		return "'"
	}
	return "&" + name + ";"
}

// instruction passes over a processing instruction, which tells programs how to read the XML and nothing of the event.
func (c *compiler) instruction() {
	if c.byte()&^tokenMore == tokenPITarget {
		c.name()
	} else {
		c.text()
	}
}

// leaf keeps a slot under a name of its own.
func (c *compiler) leaf(s slot) {
	if len(c.slots) >= maxSlots {
		c.fail(errWide)
		return
	}
	if s.system == notSystem && s.name != "" {
		if systemNames[s.name] {
			s.name += "_"
		}
		c.used[s.name]++
		if n := c.used[s.name]; n > 1 {
			s.name = fmt.Sprintf("%s_%d", s.name, n)
		}
	}
	s.kind, s.rendered = eventlog.KindOf(s.name), s.name == "RenderingInfo.Message"
	if s.system != notSystem {
		s.name = systemFields[s.system]
	}
	if s.only = (part{index: -1}); len(s.parts) == 1 {
		s.only = s.parts[0]
	}
	c.slots = append(c.slots, s)
}

// leafName names a leaf by its path: what is in EventData and in the one element below UserData by its own name, of
// nested elements joined by dots; what is in other sections of Event by the section too. A value that is binary XML
// itself begins at EventData, at UserData or with the one element below it. An attribute goes behind its element.
func leafName(path []string, attribute string) string {
	whole := path[0] == "Event"
	if whole && len(path) > 1 {
		path = path[1:]
	}
	drop := 1
	switch path[0] {
	case "UserData":
		drop = 2
	case "EventData", "System":
	default:
		if whole {
			drop = 0
		}
	}
	if attribute == "" {
		drop = min(drop, len(path)-1)
	}
	path = path[min(drop, len(path)):]
	if len(path) == 1 && path[0] == "Data" && attribute == "" {
		return ""
	}
	if attribute != "" {
		path = append(path[:len(path):len(path)], attribute)
	}
	return strings.Join(path, ".")
}
