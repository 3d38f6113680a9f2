package sockets_test

import (
	"strings"
	"testing"

	"spor/artifacts"
	"spor/collect/live/livetest"
	"spor/collect/live/sockets"
)

// A busy server's table: a hundred thousand connections.
func BenchmarkCollect(b *testing.B) {
	var table strings.Builder
	table.WriteString(inetHead)
	for i := range 100_000 {
		table.WriteString(inet(i, "0100007F:0CEA", "0200A8C0:8FF8", "01", 110, 1000+i))
	}
	h := &artifacts.Host{Files: livetest.Tree{"/proc/1/ns/net": livetest.Link("net:[1]"), "/proc/1/net/tcp": livetest.Text(table.String())}.Files()}
	for b.Loop() {
		if got, _ := livetest.Run[sockets.Socket](b, sockets.Collector, h); len(got) != 100_000 {
			b.Fatalf("%d sockets", len(got))
		}
	}
}
