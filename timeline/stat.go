package timeline

import (
	"time"

	"spor/artifacts"
)

// statParser is plaso's name for what reads a file system's own times.
const statParser = "filestat"

// statEvents are the times of a file as its file system had them, one event each, in plaso's shape (fs:stat). What was
// made by a collector has none.
func statEvents(it *artifacts.Item, size int64, src *Source) []Event {
	if it.Origin == "" {
		return nil
	}
	src.Parser = statParser
	var events []Event
	for _, t := range []struct {
		at   time.Time
		desc string
	}{
		{it.Times.Modified, DescModified},
		{it.Times.Accessed, DescAccessed},
		{it.Times.Changed, DescChanged},
		{it.Times.Born, DescCreated},
	} {
		if !t.at.IsZero() {
			events = append(events, Event{Time: t.at, Desc: t.desc, Type: "fs:stat", Source: src})
		}
	}
	if len(events) == 0 {
		return nil
	}
	fields, message := statFields(it, size)
	for i := range events {
		events[i].Fields, events[i].Message = fields, message
	}
	return events
}

func statFields(it *artifacts.Item, size int64) ([]Field, string) {
	kind, message := "file", string(it.Origin)+" Type: file"
	if it.Link != "" {
		kind, message = "link", string(it.Origin)+" Type: link, to "+string(it.Link)
	}
	fields := []Field{Text("file_entry_type", kind)}
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
