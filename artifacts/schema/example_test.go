package schema_test

import (
	"fmt"
	"testing/fstest"

	"spor/artifacts"
	"spor/artifacts/schema"
)

// A responder's own definition, and what it comes to on one host. The collectors that Plan.Collectors returns are run by
// package collect.
func Example() {
	set, err := schema.Load(fstest.MapFS{"ours.yaml": {Data: []byte(`
name: ShopLogs
doc: Logs of our shop.
sources:
- type: FILE
  attributes: {paths: ['/opt/shop/logs/**2/*.log', '%%users.homedir%%/.shop_history']}
supported_os: [Linux]
labels: [triage]
`)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	host := &artifacts.Host{OS: artifacts.Linux, Users: []artifacts.User{{Name: "root", Home: "/root"}, {Name: "anna", Home: "/home/anna"}}}
	plan := schema.NewPlan(set, host, schema.Options{})
	chosen, err := schema.Choose(plan.All(), host.OS, schema.Selection{Profiles: []string{"triage"}, Set: set})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range plan.Planned(chosen) {
		fmt.Println(p.Definition, p.Paths)
	}
	for _, c := range plan.Collectors(chosen) {
		fmt.Println(c.Order, c.Name)
	}
	// Output:
	// ShopLogs [/opt/shop/logs/**2/*.log /root/.shop_history /home/anna/.shop_history]
	// walk walk
	// decisive ShopLogs
}
