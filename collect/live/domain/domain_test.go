package domain

import (
	"testing"

	"spor/artifacts"
	"spor/collect/live/livetest"
)

func TestCollect(t *testing.T) {
	r := livetest.Registry{}
	r.Add(keyCloud+`\TenantInfo\t-1`, livetest.String("DisplayName", "Stofnun"))
	r.Add(keyCloud+`\JoinInfo\AB12`, livetest.String("TenantId", "t-1"), livetest.String("UserEmail", "anna@example.is"))
	r.Add(keyHistory, livetest.String("DCName", `\\dc1.example.is`))
	r.Add(keyNetlogon, livetest.String("DynamicSiteName", "Reykjavik"))
	r.Add(keyTCP, livetest.String("Domain", "example.is"))
	r.Add(keyEnrolment+`\{1}`, livetest.String("ProviderID", "MS DM Server"), livetest.String("UPN", "anna@example.is"))
	r.Add(keyEnrolment + `\Status`)
	got, notes := livetest.Run[Record](t, Collector, &artifacts.Host{OS: artifacts.Windows, Registry: r})
	d := got[0]
	if d.Controller != `\\dc1.example.is` || d.Site != "Reykjavik" || d.DNS != "example.is" || len(d.Cloud) != 1 || len(d.Managed) != 1 || len(notes) != 0 {
		t.Fatalf("got %+v, notes %+v", d, notes)
	}
	if c := d.Cloud[0]; c.Name != "Stofnun" || c.Tenant != "t-1" || c.Device != "AB12" || !c.Modified.Equal(livetest.Written) {
		t.Errorf("got %+v", c)
	}
	if got, notes := livetest.Run[Record](t, Collector, &artifacts.Host{Registry: livetest.Registry{}}); len(got) != 1 || len(notes) != 1 || len(got[0].Errors) != 0 {
		t.Errorf("of nothing: %+v, %+v", got, notes)
	}
}
