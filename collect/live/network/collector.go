package network

import (
	"context"

	"spor/artifacts"
)

func collector(name, doc string, collect func(context.Context, *artifacts.Host, artifacts.Recorder) error) *artifacts.Collector {
	return &artifacts.Collector{
		Name: name, Doc: doc, OS: []artifacts.OS{artifacts.Linux}, Order: artifacts.State, Profiles: []string{"volatile"}, Needs: artifacts.NeedsLive,
		Collect: collect,
	}
}
