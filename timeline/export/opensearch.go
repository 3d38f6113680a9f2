package export

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"iter"
	"net/netip"
	"strings"

	"spor/timeline"
)

// ecsNames are fields of ours that the Elastic Common Schema (elastic.co/guide/en/ecs, version 8) has a name for. The first that
// an event has counts.
var ecsNames = []struct{ from, to string }{
	{"username", "user.name"},
	{"user", "user.name"},
	{"user_sid", "user.id"},
	{"uid", "user.id"},
	{"pid", "process.pid"},
	{"executable", "process.executable"},
	{"command_line", "process.command_line"},
	{"command", "process.command_line"},
	{"reporter", "process.name"},
	{"program", "process.name"},
	{"event_identifier", "event.code"},
	{"source_name", "event.provider"},
	{"action", "event.action"},
	{"authentication_result", "event.outcome"},
	{"hostname", "host.hostname"},
	{"url", "url.original"},
	{"http_request_method", "http.request.method"},
	{"http_response_code", "http.response.status_code"},
	{"http_response_bytes", "http.response.body.bytes"},
	{"http_request_referer", "http.request.referrer"},
	{"http_request_user_agent", "user_agent.original"},
	{"server_name", "url.domain"},
	{"file_size", "file.size"},
	{"inode", "file.inode"},
	{"owner_identifier", "file.uid"},
	{"group_identifier", "file.gid"},
}

// ecsNumbers are those that ECS has as numbers; where the value is none, the field is left to what follows.
var ecsNumbers = map[string]bool{
	"process.pid": true, "source.port": true, "http.response.status_code": true, "http.response.body.bytes": true, "file.size": true,
}

// OpenSearch writes the bulk format of OpenSearch and Elasticsearch: for each event the line that asks to create it and
// the document, in ECS names with dots. Which index it goes to is in the address it is sent to. The id is made of the event,
// so that what is sent twice is there once. What ECS has no name for stands under spor, always as text: one record's number
// and another's word would otherwise be one index's conflict, and a lost document.
func OpenSearch(w io.Writer, events iter.Seq2[timeline.Event, error]) error {
	b := bufio.NewWriterSize(w, 64<<10)
	var line []byte
	for e, err := range events {
		if err != nil {
			return err
		}
		line = e.AppendJSON(line[:0])
		id := sha256.Sum256(line)
		doc, err := json.Marshal(ecsDocument(&e))
		if err != nil {
			return err
		}
		b.WriteString(`{"create":{"_id":"` + hex.EncodeToString(id[:16]) + "\"}}\n") //nolint:errcheck // Flush tells
		b.Write(doc)                                                                 //nolint:errcheck // likewise
		b.WriteByte('\n')                                                            //nolint:errcheck // likewise
	}
	return b.Flush()
}

func ecsDocument(e *timeline.Event) map[string]any {
	src := source(e)
	when, desc := moment(e)
	doc := map[string]any{
		"@timestamp": when, "message": text(e.Message), "ecs.version": "8.11.0", "event.kind": "event", "event.dataset": text(e.Type), "event.module": src.Parser,
		"host.name": text(src.Host), "log.file.path": src.Path.String(), "log.offset": e.Offset, "spor.timestamp_desc": desc,
	}
	if e.Recovered {
		doc["tags"] = []string{"recovered"}
	}
	if e.Type == "fs:stat" {
		doc["file.path"], doc["file.hash.sha256"], doc["event.category"] = src.Path.String(), src.SHA256.String(), []string{"file"}
	} else if d := src.SHA256.String(); d != "" {
		doc["spor.sha256"] = d
	}
	for _, name := range ecsNames {
		if f, ok := e.Get(name.from); ok && doc[name.to] == nil {
			putECS(doc, name.to, f)
		}
	}
	putAddress(doc, e)
	for _, f := range e.Fields {
		doc["spor."+strings.ReplaceAll(text(f.Name), ".", "_")] = f.String()
	}
	return doc
}

func putECS(doc map[string]any, name string, f timeline.Field) {
	if !ecsNumbers[name] {
		doc[name] = f.String()
		return
	}
	if n, err := json.Number(f.String()).Int64(); err == nil {
		doc[name] = n
	}
}

// putAddress gives source.ip what is an address, and source.address what was said in its place.
func putAddress(doc map[string]any, e *timeline.Event) {
	f, ok := e.Get("ip_address")
	if !ok {
		return
	}
	doc["source.address"] = f.String()
	if ip, err := netip.ParseAddr(f.String()); err == nil {
		doc["source.ip"] = ip.WithZone("").String()
	}
	if port, ok := e.Get("port"); ok {
		putECS(doc, "source.port", port)
	}
}
