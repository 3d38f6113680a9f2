package timeline

import (
	"io"
	"iter"
	"strings"
	"time"
)

// HeadSize is how many bytes of a file a Format is shown to know it by.
const HeadSize = 4096

// A Format is the parser of one kind of file. It is a value; package formats has the list of them.
type Format struct {
	Name string // plaso's parser name where there is one: "utmp"
	// Sniff tells whether a file is of the format, from its name as the host spells it and its first bytes, at most
	// HeadSize of them. A name alone should not convince it.
	Sniff func(name string, head []byte) bool
	// Parse gives the events of a file in the order of its records, each record at least one event, those of one record
	// next to each other and with the same offset. An error stands for one damaged record or stretch, says where it is,
	// and does not end the stream; a file that cannot be read on ends it after the error. The same bytes give the same
	// events. The slice of an event's fields may be used again for the next: who keeps an event clones it. It opens
	// nothing, keeps bounds whatever the bytes are, and knows nothing of where the file came from.
	Parse func(Input) iter.Seq2[Event, error]
}

// An Input is a file to parse.
type Input struct {
	Name    string         // as the host spells it
	ModTime time.Time      // as the host claims it: the only hint at the year in logs that leave it out; zero: not known
	Zone    *time.Location // of the host, for logs that leave it out; nil: not known, taken for UTC
	Since   time.Time      // events before it will be dropped, so a format may pass over them; zero: all are wanted
	R       io.Reader      // from the first byte; may also be an io.ReadSeeker or io.ReaderAt, but only at the desk
	Size    int64          // bytes; negative: not known
	// Beside opens the file whose name is this one's with something behind it, as the write-ahead log of a database has
	// it; nil: there is none. It is nil on the host.
	Beside func(suffix string) io.ReadCloser
}

// Formats is a list of parsers; the first that knows a file has it.
type Formats []*Format

// Find gives the format of a file, or nil.
func (fs Formats) Find(name string, head []byte) *Format {
	for _, f := range fs {
		if f.Sniff(name, head) {
			return f
		}
	}
	return nil
}

// Base is the last name of a path of any system.
func Base(name string) string { return name[strings.LastIndexAny(name, `/\`)+1:] }
