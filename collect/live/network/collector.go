package network

import (
	"context"

	"spor/artifacts"
)

// collector is one of this package, for Linux and the systems named besides.
func collector(name, doc string, collect func(context.Context, *artifacts.Host, artifacts.Recorder) error, too ...artifacts.OS) *artifacts.Collector {
	return &artifacts.Collector{
		Name: name, Doc: doc, OS: append([]artifacts.OS{artifacts.Linux}, too...), Order: artifacts.State, Profiles: []string{"volatile"}, Needs: artifacts.NeedsLive,
		Collect: collect,
	}
}
