package rawfile

import (
	"encoding/binary"
	"time"

	"spor/artifacts"
	"spor/collect/winapi"
)

// A Filetime is a time as NTFS stores it: 100 ns since 1601-01-01 UTC.
type Filetime int64

// Time gives it in UTC; what cannot be a time gives the zero one.
func (f Filetime) Time() time.Time { return winapi.Time(int64(f)) }

// Times are the four times of $STANDARD_INFORMATION or of $FILE_NAME.
type Times struct{ Born, Modified, Changed, Accessed Filetime }

func readTimes(b []byte) Times {
	le := binary.LittleEndian
	return Times{Filetime(le.Uint64(b)), Filetime(le.Uint64(b[8:])), Filetime(le.Uint64(b[16:])), Filetime(le.Uint64(b[24:]))}
}

// Artifacts gives the times as evidence carries them.
func (t Times) Artifacts() artifacts.Times {
	return artifacts.Times{Modified: t.Modified.Time(), Accessed: t.Accessed.Time(), Changed: t.Changed.Time(), Born: t.Born.Time()}
}
