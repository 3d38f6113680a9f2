package host

import (
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/live/shadows"
	"spor/collect/winapi"
)

// pasts are the shadow copies that exist, found when they are first asked for. None is ever made.
type pasts struct {
	once sync.Once
	all  []artifacts.Shadow
	err  error
}

// shadows gives the existing shadow copies, the oldest first: the kernel numbers them in the order in which they were
// made. Whose copy each is tells the serial number of the volume. When they were made the collector shadow-copies says.
func (f *files) shadows() ([]artifacts.Shadow, error) {
	f.pasts.once.Do(func() {
		var names []string
		names, f.pasts.err = shadows.Devices()
		for _, name := range names {
			s := artifacts.Shadow{Path: artifacts.Path(`\\?\GLOBALROOT\Device\` + name)}
			serial, err := serialOf(string(s.Path) + `\`)
			if err != nil {
				s.Error = err.Error()
			}
			for _, d := range f.drives {
				if n, errDrive := serialOf(string(d.Path)); err == nil && errDrive == nil && n == serial {
					s.Drive = artifacts.Path(strings.TrimSuffix(string(d.Path), `\`))
				}
			}
			f.pasts.all = append(f.pasts.all, s)
			for i := len(f.pasts.all) - 1; i > 0 && number(f.pasts.all[i-1].Path) > number(s.Path); i-- {
				f.pasts.all[i], f.pasts.all[i-1] = f.pasts.all[i-1], f.pasts.all[i]
			}
		}
	})
	return f.pasts.all, f.pasts.err
}

func number(p artifacts.Path) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(string(p), artifacts.ShadowDevice)) // zero for what is called otherwise
	return n
}

// serialOf asks for the serial number that a volume was formatted with.
func serialOf(root string) (serial uint32, err error) {
	text, err := winapi.UTF16(root)
	if err != nil {
		return 0, err
	}
	err = windows.GetVolumeInformation(text, nil, 0, &serial, nil, nil, nil, 0)
	return serial, err
}

// maxPasts bounds the copies that one file is looked for in.
const maxPasts = 8

// shadowOpen opens a file as it was in the newest shadow copy that has it; nil where none does.
func (f *files) shadowOpen(p artifacts.Path) artifacts.File {
	if !winapi.HasDrive(string(p)) || winapi.IsMetafile(string(p)) {
		return nil
	}
	copies, _ := f.shadows() // those that are known
	for tried := 0; len(copies) > 0 && tried < maxPasts; copies = copies[:len(copies)-1] {
		c := copies[len(copies)-1]
		if !strings.EqualFold(string(c.Drive), string(p[:2])) {
			continue
		}
		tried++
		if old, err := f.openFile(c.Path + p[2:]); err == nil {
			if opened, ok := old.(*file); ok {
				opened.method = "shadow copy " + strconv.Itoa(number(c.Path)) // older than what is there now
			}
			return old
		}
	}
	return nil
}
