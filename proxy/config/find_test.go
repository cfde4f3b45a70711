package config

import (
	"strings"
	"testing"
)

func TestFindAdmin(t *testing.T) {
	for _, tt := range []struct{ text, address, token, err string }{
		{"admin: 127.0.0.1:9901\n", "127.0.0.1:9901", "", ""},
		{"admin: unix:/run/usher.sock\nroutes: nonsense\nroutes: again\nx: y\n", "unix:/run/usher.sock", "", ""},
		{"admin: {address: ':9901', token: '${LINES}'}\n", ":9901", "hunter2\r\nX-Evil: 1", ""},
		{"admin: {address: ':9901', token: '${UNSET}'}\nupstreams: {main: '${UNSET}'}\n", ":9901", "", ""},
		{"upstreams: {main: http://a}\n", "", "", ""},
		{"- a\n", "", "", ""},
		{"admin: nowhere\n", "", "", `routes.yaml:1:8: admin must be HOST:PORT, such as "127.0.0.1:8080" or ":8080", not "nowhere"`},
		{"admin: [\n", "", "", "routes.yaml:"},
		{"", "", "", "the file is empty"},
	} {
		a, err := findAdmin("routes.yaml", []byte(tt.text), testEnv)
		if a.Address != tt.address || a.Token != tt.token {
			t.Errorf("%q: got %+v, want address %q and token %q", tt.text, a, tt.address, tt.token)
		}
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: got %v, want %q", tt.text, err, tt.err)
		}
	}
}
