package protection

import (
	"context"

	"spor/artifacts"
	"spor/collect/winapi"
	"spor/collect/winapi/wmi"
)

// Volumes takes which volumes BitLocker protects. No key is asked for.
var Volumes = &artifacts.Collector{
	Name: "encrypted-volumes", Doc: "Which volumes BitLocker encrypts, and whether that protects them",
	OS: windowsOnly, Order: artifacts.State, Profiles: []string{"triage"}, Needs: artifacts.NeedsLive,
	Collect: func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
		return volumes(ctx, h, rec, wmi.Select)
	},
}

// A Volume is one line of live/encrypted-volumes.jsonl.
type Volume struct {
	From       string `json:"from"` // "wmi", "registry": of the volume Windows booted from alone
	Drive      string `json:"drive,omitempty"`
	Device     string `json:"device,omitempty"`
	ID         string `json:"id,omitempty"`
	Protection string `json:"protection"` // "off", "on", "unknown": the volume is locked
	Conversion string `json:"conversion,omitempty"`
	Method     string `json:"method,omitempty"` // of encryption
	Type       string `json:"type,omitempty"`   // "system", "fixed", "removable"
}

// The words for what Win32_EncryptableVolume numbers (win32_encryptablevolume.mof).
var (
	protections = []string{"off", "on", "unknown"}
	conversions = []string{"decrypted", "encrypted", "encrypting", "decrypting", "encrypting_paused", "decrypting_paused"}
	methods     = []string{"none", "aes128_diffuser", "aes256_diffuser", "aes128", "aes256", "hardware", "xts_aes128", "xts_aes256"}
	volumeTypes = []string{"system", "fixed", "removable"}
)

func word(r wmi.Row, name string, words []string) string {
	n, ok := r.Number(name)
	switch {
	case !ok:
		return ""
	case n >= 0 && int(n) < len(words):
		return words[n]
	}
	return r.Text(name)
}

func volumes(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, ask wmi.Asker) error {
	const space, class = `root\cimv2\Security\MicrosoftVolumeEncryption`, "Win32_EncryptableVolume"
	rows, err := ask(ctx, space, class)
	for _, r := range rows {
		v := Volume{
			From: "wmi", Drive: r.Text("driveletter"), Device: r.Text("deviceid"), ID: r.Text("persistentvolumeid"), Protection: word(r, "protectionstatus", protections),
			Conversion: word(r, "conversionstatus", conversions), Method: word(r, "encryptionmethod", methods), Type: word(r, "volumetype", volumeTypes),
		}
		if err := rec.Record(v); err != nil {
			return err
		}
	}
	noteAnswer(rec, err, len(rows), "no volume that could be encrypted", space+":"+class)
	if err == nil && len(rows) > 0 {
		return nil
	}
	const key = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\BitLockerStatus`
	k, err := winapi.ReadKey(h.Registry, key)
	n, ok := k.Number("bootstatus")
	if !ok {
		reason := "has no BootStatus"
		if err != nil {
			reason = err.Error()
		}
		winapi.Say(rec, key, artifacts.Absent, reason+": nothing tells whether volumes are encrypted")
		return nil
	}
	return rec.Record(Volume{From: "registry", Drive: h.Environ["systemdrive"], Protection: protections[min(n, 1)]})
}
