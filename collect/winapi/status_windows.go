package winapi

import "golang.org/x/sys/windows"

// denials are the numbers that mean "not allowed" beside those that fs.ErrPermission stands for.
var denials = []error{windows.ERROR_PRIVILEGE_NOT_HELD, windows.STATUS_ACCESS_DENIED, windows.STATUS_PRIVILEGE_NOT_HELD}
