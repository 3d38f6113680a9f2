package detect

// webRules are none: the Windows program has no parsers of web logs, for want of room. The desk reads them.
var webRules []*Rule
