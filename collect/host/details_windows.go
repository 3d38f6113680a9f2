package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

var (
	_ artifacts.SparseFile   = (*file)(nil)
	_ artifacts.DetailedFile = (*file)(nil)
)

var (
	kernel32            = windows.NewLazySystemDLL("kernel32.dll")
	procFindFirstStream = kernel32.NewProc("FindFirstStreamW")
	procFindNextStream  = kernel32.NewProc("FindNextStreamW")
)

// ReadAt implements io.ReaderAt. It moves the file's position.
func (f *file) ReadAt(b []byte, offset int64) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n < len(b) && err == nil {
		var m uint32
		at := offset + int64(n)
		o := windows.Overlapped{Offset: uint32(at), OffsetHigh: uint32(at >> 32)}
		err = windows.ReadFile(f.handle, b[n:min(len(b), n+1<<30)], &m, &o)
		n += int(m)
		if errors.Is(err, windows.ERROR_HANDLE_EOF) || err == nil && m == 0 {
			return n, io.EOF
		}
	}
	return n, pathError("read", f.path, err)
}

// fsctlQueryAllocatedRanges is FSCTL_QUERY_ALLOCATED_RANGES (winioctl.h).
const fsctlQueryAllocatedRanges = 0x940cf

// Extents implements artifacts.SparseFile. Of a file that is not marked as sparse nothing is asked.
func (f *file) Extents(most int) (runs []artifacts.Extent, whole bool, err error) {
	st, err := f.Stat()
	if err != nil || st.Attributes&windows.FILE_ATTRIBUTE_SPARSE_FILE == 0 {
		return nil, false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]byte, 16*1024)
	for at := int64(0); at < st.Size; {
		var in [16]byte // FILE_ALLOCATED_RANGE_BUFFER: offset and length
		binary.LittleEndian.PutUint64(in[:], uint64(at))
		binary.LittleEndian.PutUint64(in[8:], uint64(st.Size-at))
		var n uint32
		err := windows.DeviceIoControl(f.handle, fsctlQueryAllocatedRanges, &in[0], uint32(len(in)), &out[0], uint32(len(out)), &n, nil)
		more := errors.Is(err, windows.ERROR_MORE_DATA)
		if err != nil && !more {
			return nil, false, pathError("extents", f.path, err)
		}
		for b := out[:n]; len(b) >= 16; b = b[16:] {
			run := artifacts.Extent{Offset: int64(binary.LittleEndian.Uint64(b)), Length: int64(binary.LittleEndian.Uint64(b[8:]))}
			run.Length = min(run.Length, st.Size-run.Offset)
			if run.Offset < at || run.Length <= 0 || len(runs) == most {
				return nil, false, nil
			}
			runs, at = append(runs, run), run.Offset+run.Length
		}
		if !more || n < 16 {
			break
		}
	}
	return runs, true, nil
}

// Details implements artifacts.DetailedFile: owner, group and DACL in SDDL, and the names of alternate data streams.
func (f *file) Details() (artifacts.Details, error) {
	var d artifacts.Details
	f.mu.Lock()
	sd, errACL := windows.GetSecurityInfo(f.handle, windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.GROUP_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	f.mu.Unlock()
	if errACL == nil {
		d.ACL = sd.String()
	} else {
		errACL = pathError("access list", f.path, errACL)
	}
	var errStreams error
	if _, stream := winapi.Stream(string(f.path)); stream == "" && f.native != nil {
		d.Streams, errStreams = streams(f.native)
		errStreams = pathError("streams", f.path, errStreams)
	}
	return d, errors.Join(errStreams, errACL)
}

// streamData is WIN32_FIND_STREAM_DATA (fileapi.h): size and ":name:$DATA".
type streamData struct {
	size int64
	name [260 + 36]uint16
}

// maxStreams bounds what one file may make us take.
const maxStreams = 1024

// streams lists the named data streams of a file. Those that Windows keeps compressed programs in are left out: reading
// the file reads them.
func streams(path *uint16) (names []string, err error) {
	var data streamData
	r, last, err := winapi.Call(procFindFirstStream, uintptr(unsafe.Pointer(path)), 0, uintptr(unsafe.Pointer(&data)), 0)
	runtime.KeepAlive(path)
	if err != nil {
		return nil, err
	}
	h := windows.Handle(r)
	if h == windows.InvalidHandle {
		if last == windows.ERROR_HANDLE_EOF || last == windows.ERROR_INVALID_PARAMETER { // none at all, or no file system that has any
			return nil, nil
		}
		return nil, last
	}
	defer windows.FindClose(h)
	for len(names) < maxStreams {
		if name, ok := strings.CutSuffix(winapi.Decode(until0(data.name[:])), ":$DATA"); ok {
			if name = strings.TrimPrefix(name, ":"); name != "" && name != "WofCompressedData" {
				names = append(names, name)
			}
		}
		data = streamData{}
		r, last, err := winapi.Call(procFindNextStream, uintptr(h), uintptr(unsafe.Pointer(&data)))
		if err != nil {
			return names, err
		}
		if r == 0 {
			if last == windows.ERROR_HANDLE_EOF {
				return names, nil
			}
			return names, last
		}
	}
	return names, fmt.Errorf("more than %d streams", maxStreams)
}

func until0(u []uint16) []uint16 {
	for i, c := range u {
		if c == 0 {
			return u[:i]
		}
	}
	return u
}
