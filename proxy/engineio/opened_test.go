package engineio

import "testing"

func TestOpenedSID(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{`0{"sid":"Ab-_1","upgrades":["websocket"],"pingInterval":25000}`, "Ab-_1"},
		{`0{"sid":"Ab-_1~tag","upgrades":[]}` + "\x1e" + `40`, "Ab-_1~tag"},
		{`96:0{"sid":"a.b","upgrades":[]}2:40`, "a.b"},
		{"\x00\x09\x06\xff" + `0{"sid":"octets","upgrades":[]}` + "\xff", "octets"},
		{`___eio[12]("0{\"sid\":\"script\",\"upgrades\":[]}");`, "script"},
		{`___eio[0]("96:0{\"sid\":\"script3\",\"upgrades\":[]}");`, "script3"},
		{`0{"sid":"not yet whole`, ""},
		{`0{"sid":""}`, ""},
		{`0{"upgrades":[],"sid":"a"}`, ""},
		{` 0{"sid":"a"}`, ""},
		{`{"asked":{"q":"0{\"sid\":\"a\"}"}}`, ""},
		{`{"sid":"a"}`, ""},
		{`<p>0{"sid":"a"}`, ""},
		{`40{"sid":"a"}`, ""},
		{"x\n" + `0{"sid":"a"}`, ""},
		{"", ""},
	} {
		if got := OpenedSID([]byte(tt.body)); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.body, got, tt.want)
		}
	}
}
