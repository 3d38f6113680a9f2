package upload_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"spor/upload"
	"spor/upload/folder"
)

// A bundle goes to a USB disk. The same lines, run again after the disk was pulled out, go on where they stopped.
func Example() {
	from, usb := mustTemp(), mustTemp()
	defer os.RemoveAll(from)
	defer os.RemoveAll(usb)
	bundle := filepath.Join(from, "c1-web1-20261121T190000Z.001.tar.zst.pgp")
	if err := os.WriteFile(bundle, []byte("sealed"), 0o600); err != nil {
		panic(err)
	}

	dst, err := folder.New(usb, time.Minute)
	if err != nil {
		panic(err)
	}
	defer dst.Close()
	results, err := upload.Send(context.Background(), dst, []upload.Source{upload.File(bundle)}, upload.Options{})
	for _, r := range results {
		fmt.Println(r.Object.Name, r.Receipt.Size, r.Receipt.SHA256[:8], r.Err)
	}
	fmt.Println(err)
	// Output:
	// c1-web1-20261121T190000Z.001.tar.zst.pgp 6 c9d0036b <nil>
	// <nil>
}

func mustTemp() string {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	return dir
}
