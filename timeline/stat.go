package timeline

import (
	"iter"
	"time"

	"spor/artifacts"
)

// statParser is plaso's name for what reads a file system's own times.
const statParser = "filestat"

// statEvents are the times of a file as its file system had them, one event each, in plaso's shape (fs:stat). What was
// made by a collector has none. They share their fields.
func statEvents(it *artifacts.Item, size int64, src *Source) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		if it.Origin == "" || it.Times == (artifacts.Times{}) {
			return
		}
		src.Parser, src.few = statParser, true
		e := Event{Type: "fs:stat", Source: src}
		e.Fields, e.Message = statFields(it, size)
		for i, at := range []time.Time{it.Times.Modified, it.Times.Accessed, it.Times.Changed, it.Times.Born} {
			if e.Time, e.Desc = at, statDescs[i]; !at.IsZero() && !yield(e) {
				return
			}
		}
	}
}

var statDescs = [...]string{DescModified, DescAccessed, DescChanged, DescCreated}

func statFields(it *artifacts.Item, size int64) ([]Field, string) {
	kind, message := "file", string(it.Origin)+" Type: file"
	if it.Link != "" {
		kind, message = "link", string(it.Origin)+" Type: link, to "+string(it.Link)
	}
	fields := append(make([]Field, 0, 8), Text("file_entry_type", kind))
	if size >= 0 {
		fields = append(fields, Int("file_size", size))
	}
	if it.Link != "" {
		fields = append(fields, Text("link_target", string(it.Link)))
	}
	if it.Inode != 0 {
		fields = append(fields, Uint("inode", it.Inode))
	}
	if it.Mode != 0 {
		fields = append(fields, Int("mode", int64(it.Mode)))
	}
	if it.UID != "" {
		fields = append(fields, Text("owner_identifier", it.UID))
	}
	if it.GID != "" {
		fields = append(fields, Text("group_identifier", it.GID))
	}
	if it.Attributes != 0 {
		fields = append(fields, Uint("file_attribute_flags", uint64(it.Attributes)))
	}
	return fields, message
}
