package addressing

import (
	"testing"

	"spor/timeline/textlog/textlogtest"
)

var cases = []textlogtest.Case{
	{
		Format: "windows_dhcp", Name: `C:\Windows\System32\dhcp\DhcpSrvLog-Mon.log`,
		Text: "\t\tMicrosoft DHCP Service Activity Log\r\n\r\n\r\nEvent ID  Meaning\r\n00\tThe log was started.\r\n\r\nID,Date,Time,Description,IP Address,Host Name,MAC Address,User Name, TransactionID, QResult\r\n" +
			"00,03/09/26,09:00:00,Started,,,,,0,6,,,,,,,,,0\r\n10,03/09/26,09:00:01,Assign,192.0.2.9,laptop.example.net,4C5541A0FA99,,3096562285,0,,,,0x4D53,MSFT 5.0,,,,0\r\n31,03/09/26,09:00:02,DNS Update Failed,192.0.2.9,laptop.example.net,,,0,6,,,,,,,,,10054\r\n",
		Want: []string{
			`"datetime":"2026-03-09T09:00:00.000000+00:00"`,
			`"event_identifier":"10","action":"address_assigned","description":"Assign","ip_address":"192.0.2.9","hostname":"laptop.example.net","mac_address":"4C5541A0FA99","transaction":"3096562285"`,
			`"action":"dns_update","authentication_result":"failure"`,
		},
	},
	{
		Format: "windows_dhcp", Name: "DhcpV6SrvLog-Mon.log",
		Text: "\t\tMicrosoft DHCPv6 Service Activity Log\n\nID,Date,Time,Description,IPv6 Address,Host Name,Error Code, Duid Length, Duid Bytes(Hex)\n11002,03/09/26,09:00:00,DHCPV6 Request,2001:db8::7,host,,18,0004A3,,,,,\n",
		Want: []string{`"event_identifier":"11002","action":"address_requested","description":"DHCPV6 Request","ip_address":"2001:db8::7","hostname":"host","client_duid":"0004A3"`},
	},
	{
		Format: "windows_dhcp", Name: "x", Text: "10,03/09/26,09:00:01,Assign,192.0.2.9,laptop,4C5541A0FA99,\n", Want: []string{`"message":"Assign 192.0.2.9 laptop 4C5541A0FA99"`},
	},
	{
		Format: "bind", Name: "/var/log/named/query.log",
		Text: "09-Mar-2026 09:00:00.621 queries: info: client @0x7f 192.0.2.7#40278 (a.example.net): query: a.example.net IN A +E(0)K (198.51.100.1)\n09-Mar-2026 09:00:01.621 client 192.0.2.7#40278 (a.example.net): query (cache) 'a.example.net/A/IN' denied\n" +
			"2026-03-09T09:00:02.621Z general: notice: exiting (due to fatal error)\n",
		Want: []string{
			`"category":"queries","severity":"info","ip_address":"192.0.2.7","port":40278,"action":"dns_query","query":"a.example.net","query_class":"IN","query_type":"A"`,
			`"action":"query_refused","authentication_result":"failure","query":"a.example.net"`,
			`"category":"general","severity":"notice","action":"stopped"`,
		},
	},
}

func TestFormats(t *testing.T) { textlogtest.Run(t, Formats, cases) }

func FuzzFormats(f *testing.F) { textlogtest.Fuzz(f, Formats, cases) }
