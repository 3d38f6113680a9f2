package bundle

// syncDir does nothing: NTFS journals the rename, and Windows gives no handle to flush a folder with.
func syncDir(string) error { return nil }
