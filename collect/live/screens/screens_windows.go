package screens

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

const (
	patience    = 30 * time.Second // for one session
	maxSessions = 256
)

// A session as the terminal services list it.
type session struct {
	id    uint32
	state uint32
}

// States of a session (wtsapi32.h, WTS_CONNECTSTATE_CLASS) that may have a desktop.
var states = map[uint32]string{0: "active", 1: "connected", 3: "shadow", 4: "disconnected"}

func collect(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
	var own uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &own); err != nil {
		return fmt.Errorf("our own session: %w", err)
	}
	all, err := sessions()
	if err != nil {
		rec.Note(artifacts.Outcome{Status: winapi.Status(err), Reason: "list of sessions: " + err.Error() + ": only our own is tried"})
	}
	if own != 0 && len(all) == 0 {
		all = []session{{id: own, state: ^uint32(0)}}
	}
	taken := 0
	for _, s := range all {
		screen := Screen{Session: int(s.id), State: states[s.state], Own: s.id == own}
		screen.describe(s.id)
		picture, err := take(ctx, s.id, screen.Own, &screen.Shot)
		if err != nil {
			screen.Error = err.Error()
			rec.Note(artifacts.Outcome{Status: winapi.Status(err), Reason: "screen of session " + strconv.Itoa(screen.Session) + ": " + explain(err)})
		}
		if err := keep(ctx, rec, &screen, picture); err != nil {
			return err
		}
		if screen.Image != "" {
			taken++
		}
	}
	if taken == 0 {
		rec.Note(artifacts.Outcome{Status: artifacts.Absent, Reason: fmt.Sprintf("no picture was taken: %d sessions may have a desktop; ours is session %d", len(all), own)})
	}
	return nil
}

// keep stores the picture, says what is wrong with it, and records the session.
func keep(ctx context.Context, rec artifacts.Recorder, s *Screen, picture []byte) error {
	if len(picture) > 0 {
		s.Image = "screens/session-" + strconv.Itoa(s.Session) + ".png"
		it := artifacts.Item{Name: s.Image, Size: int64(len(picture)), Method: "screen", Read: s.Taken}
		if err := rec.Put(ctx, it, bytes.NewReader(picture)); err != nil {
			return err
		}
	}
	if why := s.unseen(); why != "" && s.Error == "" {
		rec.Note(artifacts.Outcome{Status: artifacts.Failed, Reason: "screen of session " + strconv.Itoa(s.Session) + " is not what its user sees: " + why})
	}
	for _, problem := range s.Problems {
		rec.Note(artifacts.Outcome{Status: artifacts.Failed, Reason: "session " + strconv.Itoa(s.Session) + ": " + problem})
	}
	return errors.Join(ctx.Err(), rec.Record(*s))
}

func explain(err error) string {
	switch {
	case errors.Is(err, windows.ERROR_PRIVILEGE_NOT_HELD):
		return "only SYSTEM may look into another session: " + err.Error()
	case errors.Is(err, windows.ERROR_NO_TOKEN):
		return "nobody is logged on there: " + err.Error()
	}
	return err.Error()
}

// take gives the picture of one session, in our own by ourselves.
func take(ctx context.Context, id uint32, own bool, into *Shot) ([]byte, error) {
	if !own {
		var token windows.Token
		if err := windows.WTSQueryUserToken(id, &token); err != nil {
			return nil, fmt.Errorf("token of its user: %w", err)
		}
		defer token.Close()
		return delegate(ctx, token, into)
	}
	var shot Shot
	var picture []byte
	if err := winapi.Within(ctx, patience, func() { shot, picture = look() }); err != nil {
		return nil, err
	}
	*into = shot
	return picture, shot.err()
}

func (s *Shot) err() error {
	if s.Error == "" {
		return nil
	}
	return errors.New(s.Error)
}

// sessions lists those that may have a desktop.
func sessions() ([]session, error) {
	var list *windows.WTS_SESSION_INFO
	var count uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &list, &count); err != nil {
		return nil, err
	}
	if count == 0 || list == nil {
		return nil, errors.New("none is listed, but we run in one")
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(list)))
	var all []session
	for _, info := range unsafe.Slice(list, min(count, maxSessions)) {
		if _, may := states[info.State]; may && info.SessionID != 0 {
			all = append(all, session{info.SessionID, info.State})
		}
	}
	return all, nil
}

// describe fills in who the session is of, and whether it is locked.
func (s *Screen) describe(id uint32) {
	const userName, domainName, infoEx = 5, 7, 25 // WTS_INFO_CLASS
	if b, err := winapi.SessionInformation(id, userName); err == nil {
		s.User = winapi.DecodeBytes(b)
	}
	if b, err := winapi.SessionInformation(id, domainName); err == nil && s.User != "" {
		s.User = cmp.Or(winapi.DecodeBytes(b), ".") + `\` + s.User
	}
	if b, err := winapi.SessionInformation(id, infoEx); err == nil {
		s.Locked = locked(b)
	}
}

// locked reads the flags of a WTSINFOEX (wtsapi32.h): behind a level, a session and its state. (Windows 7 has it the
// other way round; we do not run there.)
func locked(b []byte) *bool {
	const isLocked, isNot = 0, 1 // WTS_SESSIONSTATE_LOCK, …_UNLOCK
	if len(b) < 20 {
		return nil
	}
	flags := binary.LittleEndian.Uint32(b[16:])
	if flags != isLocked && flags != isNot {
		return nil
	}
	yes := flags == isLocked
	return &yes
}
