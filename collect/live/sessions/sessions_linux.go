package sessions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// maxSessions bounds the sessions of logind.
const maxSessions = 1 << 16

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	if err := fromUtmp(h, rec); err != nil {
		return err
	}
	return fromLogind(ctx, h, rec)
}

// fromUtmp reads the first of the two places of the file that is there.
func fromUtmp(h *artifacts.Host, rec artifacts.Recorder) error {
	uids := map[string]string{}
	for _, u := range h.Users {
		uids[u.Name] = cmp.Or(uids[u.Name], u.ID)
	}
	for _, p := range []artifacts.Path{"/run/utmp", "/var/run/utmp"} {
		data, err := procfs.Read(h.Files, p, maxUtmp)
		if len(data) == 0 && err != nil {
			if o, bad := procfs.Outcome(p, err); bad {
				rec.Note(o)
			}
			continue
		}
		if errors.Is(err, procfs.ErrTooLong) {
			rec.Note(artifacts.Outcome{Path: p, Status: artifacts.Truncated, Reason: err.Error()})
		}
		list, rest := parseUtmp(data)
		if rest > 0 {
			rec.Note(artifacts.Outcome{Path: p, Status: artifacts.Truncated, Reason: fmt.Sprintf("%d bytes at the end are no whole record", rest)})
		}
		for _, s := range list {
			s.UserID = uids[s.User]
			if err := rec.Record(s); err != nil {
				return err
			}
		}
		return nil
	}
	rec.Note(artifacts.Outcome{Path: "/run/utmp", Status: artifacts.Absent, Reason: "not written on this system"})
	return nil
}

// fromLogind reads /run/systemd/sessions: a file of KEY=VALUE lines for each session (systemd, src/login/logind-session.c,
// session_save). Its form is systemd's own and not promised, but has been so since 2010.
func fromLogind(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	const dir = "/run/systemd/sessions"
	entries, err := h.Files.ReadDir(dir)
	if err != nil {
		o, bad := procfs.Outcome(dir, err)
		if !bad {
			o.Status, o.Reason = artifacts.Absent, "systemd-logind does not run here"
		}
		rec.Note(o)
	}
	for i, e := range entries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if i == maxSessions {
			rec.Note(artifacts.Outcome{Path: dir, Status: artifacts.Truncated, Reason: fmt.Sprintf("%d sessions; the limit is %d", len(entries), maxSessions)})
			break
		}
		p := artifacts.Linux.Join(dir, e.Name)
		if e.Kind == artifacts.Pipe || strings.HasSuffix(e.Name, ".ref") { // by which logind sees a session end
			continue
		}
		data, err := procfs.Read(h.Files, p, procfs.Small)
		if o, bad := procfs.Outcome(p, err); bad {
			rec.Note(o)
		}
		if len(data) == 0 {
			continue
		}
		if err := rec.Record(parseLogind(e.Name, data)); err != nil {
			return err
		}
	}
	return nil
}

func parseLogind(id string, data []byte) Session {
	m := procfs.Map(data, "=")
	s := Session{
		Source: "logind", ID: procfs.Text(id), Type: m["TYPE"], Class: m["CLASS"], User: m["USER"], UserID: m["UID"],
		Terminal: cmp.Or(m["TTY"], m["DISPLAY"]), State: m["STATE"], Service: m["SERVICE"], Host: m["REMOTE_HOST"],
	}
	s.PID, _ = strconv.Atoi(m["LEADER"])
	switch m["REMOTE"] {
	case "0", "1":
		remote := m["REMOTE"] == "1"
		s.Remote = &remote
	}
	if addr, err := netip.ParseAddr(s.Host); err == nil {
		s.Address = addr.String()
	}
	if micros, err := strconv.ParseInt(m["REALTIME"], 10, 64); err == nil && micros > 0 {
		s.Login = time.UnixMicro(micros).UTC()
	}
	return s
}
