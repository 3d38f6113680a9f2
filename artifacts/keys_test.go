package artifacts_test

import (
	"math/rand/v2"
	"testing"

	"spor/artifacts"
)

func TestKeysHoldWhatAMapHolds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, numbered := range []bool{false, true} {
		var k artifacts.Keys
		want := map[uint64]uint32{}
		for i := range 50_000 {
			key := rng.Uint64()
			switch i % 8 {
			case 1:
				key = uint64(i%64) &^ 1 // zero among them
			case 2:
				for key = range want { // one that is there
					break
				}
			}
			number := uint32(0)
			if numbered {
				number = uint32(i)
			}
			want[key] = number
			k.Put(key, number)
			if absent := rng.Uint64(); k.Has(absent) {
				t.Fatalf("key %x is there, and nobody put it", absent)
			}
		}
		if k.Len() != len(want) {
			t.Errorf("%d keys; want %d", k.Len(), len(want))
		}
		for key, n := range want {
			if got, ok := k.Get(key); !ok || got != n {
				t.Errorf("key %x: %d, %v; want %d", key, got, ok, n)
			}
		}
	}
	var none artifacts.Keys
	if none.Has(0) || none.Len() != 0 {
		t.Error("the zero value is not empty")
	}
}
