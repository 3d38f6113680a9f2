package folder_test

import (
	"testing"

	"spor/upload"
	"spor/upload/folder"
	"spor/upload/uploadtest"
)

func TestContract(t *testing.T) {
	uploadtest.Run(t, func(t *testing.T) func() upload.Destination {
		dir := t.TempDir()
		return func() upload.Destination {
			d, err := folder.New(dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { d.Close() })
			return d
		}
	})
}
