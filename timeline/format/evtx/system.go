package evtx

// system is a value of an event's System element.
type system uint8

const (
	notSystem system = iota
	provider
	providerGUID
	eventSource
	eventID
	qualifiers
	version
	level
	task
	opcode
	keywords
	created
	recordID
	activity
	related
	processID
	threadID
	channel
	computer
	user
	systems
)

// systemFields are the names the values get, plaso's where plaso has one (windows:evtx:record).
var systemFields = [systems]string{
	provider: "source_name", providerGUID: "provider_identifier", eventSource: "event_source_name",
	eventID: "event_identifier", qualifiers: "event_qualifiers", version: "event_version", level: "event_level",
	task: "task", opcode: "opcode", keywords: "keywords", created: "creation_time", recordID: "event_record_identifier",
	activity: "activity_identifier", related: "related_activity_identifier", processID: "process_id",
	threadID: "thread_id", channel: "channel", computer: "computer_name", user: "user_sid",
}

const (
	recordNumberField = "record_number"
	stringsField      = "strings"
	explainedField    = "explained"
)

// systemNames are the names that data may not take.
var systemNames = func() map[string]bool {
	names := map[string]bool{recordNumberField: true, stringsField: true, explainedField: true}
	for _, n := range systemFields {
		names[n] = true
	}
	return names
}()

// systemLeaf tells which value of System a leaf is.
func systemLeaf(path []string, attribute string) system {
	if len(path) != 3 || path[0] != "Event" || path[1] != "System" {
		return notSystem
	}
	return systemLeaves[path[2]+"@"+attribute]
}

var systemLeaves = map[string]system{
	"Provider@Name": provider, "Provider@Guid": providerGUID, "Provider@EventSourceName": eventSource,
	"EventID@": eventID, "EventID@Qualifiers": qualifiers, "Version@": version, "Level@": level, "Task@": task,
	"Opcode@": opcode, "Keywords@": keywords, "TimeCreated@SystemTime": created, "EventRecordID@": recordID,
	"Correlation@ActivityID": activity, "Correlation@RelatedActivityID": related, "Execution@ProcessID": processID,
	"Execution@ThreadID": threadID, "Channel@": channel, "Computer@": computer, "Security@UserID": user,
}

// number tells whether a value is one.
func (s system) number() bool {
	switch s {
	case eventID, qualifiers, version, level, task, opcode, recordID, processID, threadID:
		return true
	}
	return false
}
