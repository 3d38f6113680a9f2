//go:build !windows

package main

import (
	"context"
	"slices"
	"time"

	"spor/artifacts"
	"spor/artifacts/configured"
	"spor/artifacts/listing"
	"spor/artifacts/registered"
	"spor/artifacts/shadow"
	"spor/timeline"
	listings "spor/timeline/format/listing"
	"spor/timeline/format/webaccess"
	"spor/timeline/formats"
)

// places are the collectors of files that no definition can name: those that a configuration or a setting names, the
// listing of all, and the shadow copies of an image.
func places() []*artifacts.Collector {
	return slices.Concat(configured.All(), registered.All(), []*artifacts.Collector{listing.Collector, shadow.List})
}

// parsers are the formats that the run's own timeline is made from: all but that of listings, whose times would be most of
// it, which the desk has; before them those that the host's configuration gives the logs of its web servers.
func parsers(ctx context.Context, h *artifacts.Host) timeline.Formats {
	own := slices.DeleteFunc(formats.All(), func(f *timeline.Format) bool { return f == listings.Format })
	return append(webForms(ctx, h), own...)
}

// webPatience is how long reading configuration may hold up the start of a run: a file system may hang.
const webPatience = 3 * time.Second

// webForms reads which form the configuration of web servers gives their logs.
func webForms(ctx context.Context, h *artifacts.Host) timeline.Formats {
	if h.OS != artifacts.Linux {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, webPatience)
	defer cancel()
	found := make(chan timeline.Formats, 1)
	go func() {
		var c webaccess.Config
		_ = configured.Read(ctx, h, c.Read, "nginx", "apache", "lighttpd", "tomcat", "haproxy") // what was read until then counts
		found <- c.Formats()
	}()
	select {
	case f := <-found:
		return f
	case <-ctx.Done():
		return nil
	}
}
