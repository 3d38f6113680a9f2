package main

import (
	"context"
	"io"
	"iter"

	"spor/timeline"
	"spor/timeline/format/webaccess"
)

// webForms reads what configuration of web servers among the files says of the form of their logs. A file that cannot be
// read is left to who reads it as evidence, and says so.
func webForms(ctx context.Context, files iter.Seq2[*timeline.File, error]) timeline.Formats {
	var c webaccess.Config
	for f, err := range files {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil || f.Size > webaccess.MaxText || f.Item.Link != "" || !webaccess.Wants(string(f.Path)) {
			continue
		}
		if text, err := contents(f); err == nil {
			c.Read(text)
		}
	}
	return c.Formats()
}

// contents reads a small file.
func contents(f *timeline.File) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, webaccess.MaxText))
	return string(b), err
}
