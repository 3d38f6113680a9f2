package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/windows"

	"spor/collect/winapi/com"
)

// The task scheduler by its classes, interfaces and their methods (taskschd.h).
var (
	classService     = windows.GUID{Data1: 0x0f87369f, Data2: 0xa4e5, Data3: 0x4cfc, Data4: [8]byte{0xbd, 0x3e, 0x73, 0xe6, 0x15, 0x45, 0x72, 0xdd}}
	idService        = windows.GUID{Data1: 0x2faba4c7, Data2: 0x4da9, Data3: 0x4013, Data4: [8]byte{0x96, 0x97, 0x20, 0xcc, 0x3f, 0xd4, 0x0f, 0x85}}
	idFolder         = windows.GUID{Data1: 0x8cfac062, Data2: 0xa080, Data3: 0x4c15, Data4: [8]byte{0x9a, 0x88, 0xaa, 0x7c, 0x2a, 0xf8, 0x0d, 0xfc}}
	idRegisteredTask = windows.GUID{Data1: 0x9c86f320, Data2: 0xdee3, Data3: 0x4dd1, Data4: [8]byte{0xb9, 0x72, 0xa3, 0x03, 0xf2, 0x6b, 0x06, 0x1e}}
)

const (
	getFolder     = 7  // ITaskService
	connect       = 10 //
	getFolders    = 10 // ITaskFolder
	getTasks      = 14
	getNewEnum    = 9 // ITaskFolderCollection, IRegisteredTaskCollection
	getPath       = 8 // IRegisteredTask
	getState      = 9
	getEnabled    = 10
	getLastRun    = 15
	getLastResult = 16
	getNextRun    = 18
	getXML        = 20
)

const serviceLimit = 60 * time.Second

// registered asks the service for all tasks, hidden ones too.
func registered(ctx context.Context) ([]serviceTask, error) {
	var all []serviceTask
	err := com.Do(ctx, serviceLimit, func(ctx context.Context) error {
		service, err := com.Create(&classService, &idService)
		if err != nil {
			return err
		}
		defer service.Release()
		if err := service.Call(connect, com.Empty(4)...); err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		name := com.NewString(`\`)
		defer name.Free()
		root, err := service.Object(getFolder, name.Arg())
		if err != nil {
			return fmt.Errorf("the root folder: %w", err)
		}
		defer root.Release()
		w := walker{ctx: ctx}
		err = w.folder(root, 0)
		all = w.all
		return err
	})
	if errors.Is(err, com.ErrTime) || ctx.Err() != nil {
		return nil, err // the thread that was left behind may still write to all
	}
	return all, err
}

type walker struct {
	ctx  context.Context
	all  []serviceTask
	size int // of the definitions, bytes
}

var errLong = errors.New("longer than we keep")

func (w *walker) folder(folder *com.Object, depth int) error {
	if depth > maxDepth || len(w.all) > maxTasks {
		return fmt.Errorf("more than %d levels or %d tasks", maxDepth, maxTasks)
	}
	const hidden = 1
	tasks, err := folder.Object(getTasks, hidden)
	if err != nil {
		return fmt.Errorf("tasks of a folder: %w", err)
	}
	defer tasks.Release()
	err = tasks.Each(getNewEnum, maxTasks, func(o *com.Object) error {
		t, err := o.As(&idRegisteredTask)
		if err != nil {
			return err
		}
		defer t.Release()
		s := describe(t)
		if w.size += len(s.xml); w.size > 2*maxAll {
			s.xml, s.errors = "", append(s.errors, "definition: "+errLong.Error())
		}
		w.all = append(w.all, s)
		return context.Cause(w.ctx)
	})
	if err != nil {
		return fmt.Errorf("tasks of a folder: %w", err)
	}
	folders, err := folder.Object(getFolders, 0)
	if err != nil {
		return fmt.Errorf("folders: %w", err)
	}
	defer folders.Release()
	return folders.Each(getNewEnum, maxTasks, func(o *com.Object) error {
		f, err := o.As(&idFolder)
		if err != nil {
			return err
		}
		defer f.Release()
		return w.folder(f, depth+1)
	})
}

func describe(t *com.Object) serviceTask {
	var s serviceTask
	fail := func(what string, err error) bool {
		if err != nil {
			s.errors = append(s.errors, what+": "+err.Error())
		}
		return err == nil
	}
	var err error
	s.path, err = t.Text(getPath)
	fail("path", err)
	state, err := t.Number(getState)
	if fail("state", err) && state >= 0 && int(state) < len(stateNames) {
		s.state = stateNames[state]
	}
	if on, err := t.Bool(getEnabled); fail("enabled", err) {
		s.enabled = &on
	}
	if days, err := t.Float(getLastRun); fail("last run", err) {
		s.lastRun = date(days)
	}
	if days, err := t.Float(getNextRun); err == nil { // those without a time have none
		s.nextRun = date(days)
	}
	if n, err := t.Number(getLastResult); fail("last result", err) {
		result := uint32(n)
		s.lastResult = &result
	}
	s.xml, err = t.Text(getXML)
	fail("definition", err)
	if len(s.xml) > maxFile {
		s.xml = ""
		fail("definition", errLong)
	}
	return s
}
