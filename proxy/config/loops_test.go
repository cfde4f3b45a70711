package config

import (
	"net/netip"
	"strings"
	"testing"
)

func TestLoops(t *testing.T) {
	local := []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")}
	for _, tt := range []struct {
		listen, endpoint string
		want             bool
	}{
		{"127.0.0.1:8080", "http://127.0.0.1:8080", true},
		{"127.0.0.1:8080", "https://127.0.0.1:8080", true},
		{"127.0.0.1:8080", "http://localhost:8080", true},
		{"127.0.0.1:8080", "http://app.localhost:8080", true},
		{"127.0.0.1:8080", "http://0.0.0.0:8080", true},
		{"127.0.0.1:8080", "http://[::ffff:127.0.0.1]:8080", true},
		{"127.0.0.1:8080", "http://127.0.0.1:8081", false},
		{"127.0.0.1:8080", "http://127.0.0.2:8080", false},
		{"127.0.0.1:8080", "http://[::1]:8080", false},
		{"127.0.0.1:8080", "http://192.0.2.7:8080", false},
		{"127.0.0.1:8080", "http://other:8080", false},
		{"localhost:8080", "http://127.0.0.1:8080", true},
		{"localhost:8080", "http://LOCALHOST:8080", true},
		{"web.internal:8080", "http://web.internal:8080", true},
		{":8080", "http://127.0.0.1:8080", true},
		{":8080", "http://127.9.9.9:8080", true},
		{":8080", "http://[::1]:8080", true},
		{":8080", "http://192.0.2.7:8080", true},
		{":8080", "http://[2001:db8::7]:8080", true},
		{":8080", "http://192.0.2.8:8080", false},
		{"0.0.0.0:8080", "http://127.0.0.5:8080", true},
		{"0.0.0.0:8080", "http://localhost:8080", true},
		{"0.0.0.0:8080", "http://192.0.2.7:8080", true},
		{"0.0.0.0:8080", "http://[::1]:8080", false},
		{"0.0.0.0:8080", "http://[2001:db8::7]:8080", false},
		{"[::]:8080", "http://127.0.0.1:8080", true},
		{"[::]:8080", "http://192.0.2.7:8080", true},
		{"[::1]:8080", "http://localhost:8080", true},
		{"192.0.2.7:80", "http://192.0.2.7", true},
		{"{address: ':443', tls: true}", "https://localhost", true},
		{"{address: ':443', tls: true}", "http://localhost:443", true},
		{"127.0.0.1:0", "http://127.0.0.1:1", false},
		{"[':81', ':8080']", "http://127.0.0.1:8080", true},
		{"unix:/run/usher.sock", "unix:/run/usher.sock", true},
		{"unix:/run/usher.sock", "unix:/run/./x/../usher.sock", true},
		{"unix:/run/usher.sock", "unix:/run/other.sock", false},
		{"unix:/run/usher.sock", "http://localhost:80", false},
		{"127.0.0.1:8080", "unix:/run/usher.sock", false},
	} {
		listen := tt.listen
		if !strings.ContainsAny(listen, "{'") {
			listen = "'" + listen + "'"
		}
		text := "listen: " + listen + "\nupstreams: {main: '" + tt.endpoint + "'}\nroutes: [{upstream: main}]\n"
		if strings.Contains(listen, "tls:") {
			text += "tls: {internal: true}\n"
		}
		_, err := parse("routes.yaml", []byte(text), nil, local)
		if got := err != nil && strings.Contains(err.Error(), "routes.yaml:2:19: this endpoint is usher itself"); got != tt.want || !got && err != nil {
			t.Errorf("%s at %s: got %v, want a loop: %t", tt.endpoint, tt.listen, err, tt.want)
		}
	}
}

// The machine's own addresses are looked at when a file is loaded.
func TestLocalAddresses(t *testing.T) {
	list := localAddresses()
	for _, a := range list {
		if a.IsLoopback() {
			return
		}
	}
	t.Errorf("got %v, want a loopback address among them", list)
}
