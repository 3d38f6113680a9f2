package program

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

var (
	wintrust              = windows.NewLazySystemDLL("wintrust.dll")
	procAcquire2          = wintrust.NewProc("CryptCATAdminAcquireContext2") // since Windows 8
	procAcquire           = wintrust.NewProc("CryptCATAdminAcquireContext")
	procRelease           = wintrust.NewProc("CryptCATAdminReleaseContext")
	procHash2             = wintrust.NewProc("CryptCATAdminCalcHashFromFileHandle2")
	procHash              = wintrust.NewProc("CryptCATAdminCalcHashFromFileHandle")
	procCatalogOf         = wintrust.NewProc("CryptCATAdminEnumCatalogFromHash")
	procCatalogInfo       = wintrust.NewProc("CryptCATCatalogInfoFromContext")
	procReleaseCatalog    = wintrust.NewProc("CryptCATAdminReleaseCatalogContext")
	procVerify            = wintrust.NewProc("WinVerifyTrust")
	procProviderData      = wintrust.NewProc("WTHelperProvDataFromStateData")
	procSignerFromChain   = wintrust.NewProc("WTHelperGetProvSignerFromChain")
	procCertFromChain     = wintrust.NewProc("WTHelperGetProvCertFromChain")
	actionGenericVerifyV2 = windows.GUID{Data1: 0xaac56b, Data2: 0xcd44, Data3: 0x11d0, Data4: [8]byte{0x8c, 0xc2, 0x00, 0xc0, 0x4f, 0xc2, 0x95, 0xee}}
)

// patience is how long one file's signature may take. maxHung of them that did not come back are enough: the service
// that all of them ask is stuck, or was stopped.
const (
	patience = 20 * time.Second
	maxHung  = 3
)

var hung atomic.Int32

// ask has the system check the file, and reads its version resource.
func ask(ctx context.Context, p string) (*Signature, *Version) {
	if hung.Load() >= maxHung {
		return &Signature{Status: Unknown, Error: "not checked: the system did not answer for other files"}, nil
	}
	name, err := native(p, wow64())
	if err != nil {
		return &Signature{Status: Unknown, Error: err.Error()}, nil
	}
	var s Signature
	var v *Version
	err = winapi.Within(ctx, patience, func() { s, v = verify(name), version(name) })
	if err != nil {
		if ctx.Err() == nil {
			hung.Add(1)
		}
		return &Signature{Status: Unknown, Error: err.Error()}, nil
	}
	return &s, v
}

// wow64 is the Windows folder for a 32-bit program on a 64-bit system, and else empty.
var wow64 = sync.OnceValue(func() string {
	var redirected bool
	if err := windows.IsWow64Process(windows.CurrentProcess(), &redirected); err != nil || !redirected {
		return ""
	}
	windir, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(windir, `\`)
})

// verify checks the signature within the file, and where it has none those of the catalogs.
func verify(name string) Signature {
	text, err := winapi.UTF16(name)
	if err != nil {
		return Signature{Status: Unknown, Error: err.Error()}
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(text, windows.GENERIC_READ, share, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_OPEN_NO_RECALL, 0)
	if err != nil {
		return Signature{Status: Unknown, Error: "open: " + err.Error()}
	}
	defer windows.CloseHandle(h)
	info := fileInfo{size: uint32(unsafe.Sizeof(fileInfo{})), path: text, file: h}
	s := trust(windows.WTD_CHOICE_FILE, unsafe.Pointer(&info))
	runtime.KeepAlive(&info)
	if s.Status != Unsigned {
		return s
	}
	for _, algorithm := range []string{"SHA256", "SHA1"} {
		signed, err := byCatalog(h, text, algorithm)
		if err != nil {
			s.Status, s.Error = Unknown, "none in the file; catalogs by "+algorithm+": "+err.Error()
			continue
		}
		if signed.Status != Unsigned {
			return signed
		}
	}
	return s
}

// fileInfo is WINTRUST_FILE_INFO, catalogInfo WINTRUST_CATALOG_INFO and trustData WINTRUST_DATA (wintrust.h).
type fileInfo struct {
	size    uint32
	path    *uint16
	file    windows.Handle
	subject *windows.GUID
}

type catalogInfo struct {
	size, version     uint32
	path, tag, member *uint16
	file              windows.Handle
	hash              *byte
	hashSize          uint32
	ctl               uintptr
	admin             uintptr
}

type trustData struct {
	size                     uint32
	policy, sip              uintptr
	ui, revocation, choice   uint32
	subject                  unsafe.Pointer
	action                   uint32
	state                    windows.Handle
	url                      *uint16
	providerFlags, uiContext uint32
	signatures               uintptr
}

// trust asks WinVerifyTrust about a file or about a member of a catalog, without a window and without the network.
func trust(choice uint32, subject unsafe.Pointer) Signature {
	d := trustData{
		ui: windows.WTD_UI_NONE, revocation: windows.WTD_REVOKE_NONE, choice: choice, subject: subject, action: windows.WTD_STATEACTION_VERIFY,
		providerFlags: windows.WTD_CACHE_ONLY_URL_RETRIEVAL | windows.WTD_REVOCATION_CHECK_NONE,
	}
	d.size = uint32(unsafe.Sizeof(d))
	const noWindow = ^uintptr(0) // INVALID_HANDLE_VALUE
	r, _, err := winapi.Call(procVerify, noWindow, uintptr(unsafe.Pointer(&actionGenericVerifyV2)), uintptr(unsafe.Pointer(&d)))
	if err != nil {
		return Signature{Status: Unknown, Error: err.Error()}
	}
	word, known := status(uint32(r))
	s := Signature{Status: word}
	if !known {
		s.Error = fmt.Sprintf("%#x: %v", uint32(r), windows.Errno(uint32(r)))
	}
	if d.state != 0 && word != Unsigned {
		s.name(d.state)
	}
	d.action = windows.WTD_STATEACTION_CLOSE
	_, _, _ = winapi.Call(procVerify, noWindow, uintptr(unsafe.Pointer(&actionGenericVerifyV2)), uintptr(unsafe.Pointer(&d)))
	runtime.KeepAlive(&d)
	return s
}

// name fills in whose certificate it was. CRYPT_PROVIDER_CERT begins with its size, and the certificate.
func (s *Signature) name(state windows.Handle) {
	data, _, err := winapi.Call(procProviderData, uintptr(state))
	if err != nil || data == 0 {
		return
	}
	signer, _, err := winapi.Call(procSignerFromChain, data, 0, 0, 0)
	if err != nil || signer == 0 {
		return
	}
	found, _, err := winapi.Call(procCertFromChain, signer, 0)
	if err != nil || found == 0 {
		return
	}
	cert := (*(**struct {
		size uint32
		cert *windows.CertContext
	})(unsafe.Pointer(&found))).cert
	if cert == nil {
		return
	}
	s.Signer, s.Issuer = commonName(cert, 0), commonName(cert, windows.CERT_NAME_ISSUER_FLAG)
	const maxCertificate = 1 << 20
	if cert.EncodedCert != nil && cert.Length <= maxCertificate {
		sum := sha1.Sum(unsafe.Slice(cert.EncodedCert, cert.Length))
		s.Thumbprint = hex.EncodeToString(sum[:])
	}
}

func commonName(cert *windows.CertContext, flags uint32) string {
	var buf [256]uint16
	n := windows.CertGetNameString(cert, windows.CERT_NAME_SIMPLE_DISPLAY_TYPE, flags, nil, &buf[0], uint32(len(buf)))
	return winapi.Decode(buf[:max(1, min(n, uint32(len(buf))))-1])
}

// byCatalog looks for a catalog that has the file's hash, and asks whether its signature holds.
func byCatalog(h windows.Handle, name *uint16, algorithm string) (Signature, error) {
	admin, hash, err := catalogHash(h, algorithm)
	if admin != 0 {
		defer func() { _, _, _ = winapi.Call(procRelease, admin, 0) }()
	}
	if err != nil {
		return Signature{}, err
	}
	found, _, err := winapi.Call(procCatalogOf, admin, uintptr(unsafe.Pointer(&hash[0])), uintptr(len(hash)), 0, 0)
	if err != nil {
		return Signature{}, err
	}
	if found == 0 {
		return Signature{Status: Unsigned}, nil
	}
	defer func() { _, _, _ = winapi.Call(procReleaseCatalog, admin, found, 0) }()
	var catalog struct { // CATALOG_INFO
		size uint32
		path [260]uint16
	}
	catalog.size = uint32(unsafe.Sizeof(catalog))
	if r, last, err := winapi.Call(procCatalogInfo, found, uintptr(unsafe.Pointer(&catalog)), 0); err != nil || r == 0 {
		return Signature{}, fmt.Errorf("name of the catalog: %w (%v)", last, err)
	}
	tag, err := winapi.UTF16(strings.ToUpper(hex.EncodeToString(hash)))
	if err != nil {
		return Signature{}, err
	}
	info := catalogInfo{
		size: uint32(unsafe.Sizeof(catalogInfo{})), path: &catalog.path[0], tag: tag, member: name, file: h,
		hash: &hash[0], hashSize: uint32(len(hash)), admin: admin,
	}
	s := trust(windows.WTD_CHOICE_CATALOG, unsafe.Pointer(&info))
	runtime.KeepAlive(&info)
	s.Catalog = artifacts.Path(windows.UTF16ToString(catalog.path[:]))
	return s, nil
}

// catalogHash gives the hash by which catalogs know the file: without checksum and signature. Before Windows 8 that is
// SHA-1 alone.
func catalogHash(h windows.Handle, algorithm string) (admin uintptr, hash []byte, err error) {
	n := uint32(64)
	hash = make([]byte, n)
	var r uintptr
	var last windows.Errno
	if algorithm == "SHA1" {
		if r, last, err = winapi.Call(procAcquire, uintptr(unsafe.Pointer(&admin)), 0, 0); err == nil && r != 0 {
			r, last, err = winapi.Call(procHash, uintptr(h), uintptr(unsafe.Pointer(&n)), uintptr(unsafe.Pointer(&hash[0])), 0)
		}
	} else {
		text, _ := winapi.UTF16(algorithm)
		r, last, err = winapi.Call(procAcquire2, uintptr(unsafe.Pointer(&admin)), 0, uintptr(unsafe.Pointer(text)), 0, 0)
		if err == nil && r != 0 {
			r, last, err = winapi.Call(procHash2, admin, uintptr(h), uintptr(unsafe.Pointer(&n)), uintptr(unsafe.Pointer(&hash[0])), 0)
		}
	}
	if err == nil && r == 0 {
		err = last
	}
	if err == nil && (n == 0 || int(n) > len(hash)) {
		err = fmt.Errorf("hash of %d bytes", n)
	}
	return admin, hash[:min(int(n), len(hash))], err
}

// version reads the strings of the version resource, in the first language it has.
func version(name string) *Version {
	const most = 1 << 20 // bytes
	var zero windows.Handle
	size, err := windows.GetFileVersionInfoSize(name, &zero)
	if err != nil || size == 0 || size > most {
		return nil
	}
	buf := make([]byte, size)
	if err := windows.GetFileVersionInfo(name, 0, size, unsafe.Pointer(&buf[0])); err != nil {
		return nil
	}
	value := func(key string) []byte {
		var p *byte
		var n uint32
		if windows.VerQueryValue(unsafe.Pointer(&buf[0]), key, unsafe.Pointer(&p), &n) != nil || p == nil {
			return nil
		}
		from := uintptr(unsafe.Pointer(p)) - uintptr(unsafe.Pointer(&buf[0]))
		if from >= uintptr(size) {
			return nil
		}
		return buf[from:]
	}
	language := "040904b0" // English, Unicode
	if b := value(`\VarFileInfo\Translation`); len(b) >= 4 {
		language = hex.EncodeToString([]byte{b[1], b[0], b[3], b[2]})
	}
	text := func(key string) string {
		b := value(`\StringFileInfo\` + language + `\` + key)
		return winapi.DecodeBytes(b[:min(len(b), 1024)])
	}
	v := Version{text("FileDescription"), text("CompanyName"), text("ProductName"), text("FileVersion"), text("OriginalFilename")}
	runtime.KeepAlive(buf)
	if v == (Version{}) {
		return nil
	}
	return &v
}

// native undoes the redirection of a 32-bit program's view of System32.
func native(p, windir string) (string, error) {
	if windir != "" {
		p = winapi.Native(p, windir)
	}
	return winapi.Extended(p)
}
