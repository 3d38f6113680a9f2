package definitions_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"spor/artifacts"
)

// private must never be taken without --include-secrets, whatever else is chosen.
var private = map[artifacts.OS][]string{
	artifacts.Linux: {
		"home/anna/.ssh/id_rsa", "home/anna/.ssh/id_ed25519", "home/anna/.ssh/deploy_rsa", "home/anna/.ssh/id_rsa.old",
		"root/.ssh/id_ecdsa", "etc/ssh/ssh_host_rsa_key", "etc/shadow-", "etc/gshadow", "etc/security/opasswd", "home/anna/.netrc",
		"etc/nginx/conf.d/shop.key", "etc/wireguard/wg0.conf", "etc/netplan/90-NM-1.yaml", "home/anna/.config/google-chrome/Default/Cookies",
		"etc/apache2/sites-enabled/.htpasswd", "etc/systemd/network/wg0.netdev",
	},
	artifacts.Windows: {
		"Windows/System32/config/SECURITY.LOG1", "Windows/System32/config/RegBack/SAM", "Users/anna/.ssh/id_rsa", "Windows/NTDS/ntds.dit",
		"Users/anna/AppData/Local/Google/Chrome/User Data/Default/Network/Cookies", "ProgramData/ssh/ssh_host_rsa_key",
	},
}

// taken remembers what was taken, by origin and by definition.
type taken struct {
	source string
	from   map[string][]artifacts.Path
}

func (r *taken) Record(v any) error {
	b, err := json.Marshal(v)
	var line struct{ Path artifacts.Path }
	if err = errors.Join(err, json.Unmarshal(b, &line)); err == nil {
		r.from[r.source+" listed"] = append(r.from[r.source+" listed"], line.Path)
	}
	return err
}

func (r *taken) Take(_ context.Context, p artifacts.Path) error {
	r.from[r.source] = append(r.from[r.source], p)
	return nil
}

func (r *taken) Put(context.Context, artifacts.Item, io.Reader) error { return nil }
func (r *taken) Note(artifacts.Outcome)                               {}
