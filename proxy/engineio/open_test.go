package engineio

import (
	"strings"
	"testing"
	"time"
)

func TestOpen(t *testing.T) {
	for _, tt := range []struct {
		name string
		open OpenData
		want string
	}{
		{"3.4 polling", OpenData{"s1", true, 25 * time.Second, 20 * time.Second, 1_000_000},
			`{"sid":"s1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`},
		{"3.4 websocket", OpenData{"s1", false, time.Second, 200 * time.Millisecond, 100},
			`{"sid":"s1","upgrades":[],"pingInterval":1000,"pingTimeout":200,"maxPayload":100}`},
		{"3.4 without a limit", OpenData{"s1", false, time.Second, time.Second, 0},
			`{"sid":"s1","upgrades":[],"pingInterval":1000,"pingTimeout":1000}`},
	} {
		got := tt.open.Append(nil)
		if string(got) != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		if back, err := ParseOpen(got); err != nil || back != tt.open {
			t.Errorf("%s: parsed %+v, error %v, want %+v", tt.name, back, err, tt.open)
		}
	}
}

func TestBrokenOpen(t *testing.T) {
	for _, tt := range []struct{ data, want string }{
		{``, "engine.io open packet: unexpected end"},
		{`{"sid":1}`, "engine.io open packet: json"},
		{`{"pingInterval":1,"pingTimeout":1}`, "has no sid"},
		{`{"sid":"a","pingTimeout":1}`, "pingInterval 0 is not 1 ms to 24 h"},
		{`{"sid":"a","pingInterval":1,"pingTimeout":-5}`, "pingTimeout -5 is not 1 ms to 24 h"},
		{`{"sid":"a","pingInterval":1e300,"pingTimeout":1}`, "pingInterval 1e+300 is not 1 ms to 24 h"},
		// Row 37 of the attacks.
		{`{"sid":"a","pingInterval":0,"pingTimeout":1}`, "pingInterval 0 is not 1 ms to 24 h"},
		{`{"sid":"a","pingInterval":9007199254740992,"pingTimeout":1}`, "pingInterval 9.007199254740992e+15 is not 1 ms to 24 h"},
		{`{"sid":"a","pingInterval":NaN,"pingTimeout":1}`, "engine.io open packet: invalid character"},
		{`{"sid":"a","pingInterval":"1","pingTimeout":1}`, "engine.io open packet: json"},
		{`{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":0}`, "maxPayload 0 is less than 1"},
		{`{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":-1}`, "maxPayload -1 is less than 1"},
		{`{"sid":"` + strings.Repeat("a", 64<<10) + `","pingInterval":1,"pingTimeout":1}`, "sid of 65536 bytes, 256 at most"},
		{`{"sid":"a\u001b[31m","pingInterval":1,"pingTimeout":1}`, "sid is not of printable ASCII"},
		{`{"sid":"a\u202e","pingInterval":1,"pingTimeout":1}`, "sid is not of printable ASCII"},
		{`{"sid":"a b","pingInterval":1,"pingTimeout":1}`, "sid is not of printable ASCII"},
		{`{"sid":"a","pingInterval":1,"pingTimeout":1,"upgrades":"websocket"}`, "engine.io open packet: json"},
		{`{"sid":"a","pingInterval":1,"pingTimeout":1,"upgrades":[1,{}]}`, "engine.io open packet: json"},
		{`[]`, "engine.io open packet: json"},
	} {
		if _, err := ParseOpen([]byte(tt.data)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want %q", tt.data, err, tt.want)
		}
	}
}

func TestOpenLimitIsBounded(t *testing.T) {
	o, err := ParseOpen([]byte(`{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":1e40}`))
	if err != nil || o.MaxPayload != 1<<31-1 {
		t.Errorf("got %d, error %v, want %d", o.MaxPayload, err, 1<<31-1)
	}
}
