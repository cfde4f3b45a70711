//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
)

func TestParseUshers(t *testing.T) {
	tests := []struct {
		text string
		want []usherBinary // nil for an error
	}{
		{"", []usherBinary{{name: "usher"}}},
		{"/tmp/a", []usherBinary{{name: "usher", path: "/tmp/a"}}},
		{"a=/tmp/a,b=/tmp/b", []usherBinary{{name: "a", path: "/tmp/a"}, {name: "b", path: "/tmp/b"}}},
		{"gc=GOGC=50 GODEBUG=x=1 /tmp/b", []usherBinary{{name: "gc", path: "/tmp/b", env: []string{"GOGC=50", "GODEBUG=x=1"}}}},
		{"a=", nil},
		{"=/tmp/a", nil},
		{"a=word /tmp/a", nil},
		{"/tmp/a,", nil},
	}
	for _, tt := range tests {
		got, err := parseUshers(tt.text)
		if (err != nil) != (tt.want == nil) {
			t.Errorf("%q: got %v, %v, want %v", tt.text, got, err, tt.want)
			continue
		}
		same := slices.EqualFunc(got, tt.want, func(a, b usherBinary) bool {
			return a.name == b.name && a.path == b.path && slices.Equal(a.env, b.env)
		})
		if !same {
			t.Errorf("%q: got %v, want %v", tt.text, got, tt.want)
		}
	}
}

func TestParseOptions(t *testing.T) {
	tests := []struct {
		args       string
		transports []transport
		scenarios  int
		bad        string // part of the error
	}{
		{args: "", transports: []transport{overTCP, overTLS}, scenarios: 14},
		{args: "-plain", transports: []transport{overTCP}, scenarios: 14},
		{args: "-tls -scenarios echo1m,echo1mtext", transports: []transport{overTLS}, scenarios: 2},
		{args: "-plain -tls", transports: []transport{overTCP, overTLS}, scenarios: 14},
		{args: "-scenarios nonsense", bad: `unknown scenario "nonsense"`},
		{args: "-rounds 0", bad: "-rounds"},
		{args: "echo1m", bad: `unexpected argument "echo1m"`},
	}
	for _, tt := range tests {
		o, err := parseOptions(strings.Fields(tt.args))
		if tt.bad != "" {
			if err == nil || !strings.Contains(err.Error(), tt.bad) {
				t.Errorf("%q: got error %v, want one with %q", tt.args, err, tt.bad)
			}
			continue
		}
		if err != nil || !slices.Equal(o.transports, tt.transports) || len(o.scenarios) != tt.scenarios {
			t.Errorf("%q: got %+v, %v, want transports %v and %d scenarios", tt.args, o, err, tt.transports, tt.scenarios)
		}
	}
}

func TestFill(t *testing.T) {
	p := place{dir: "/d", listen: "127.0.0.1:21000", upstream: "127.0.0.1:22000", cert: "/c", key: "/k", both: "/b"}
	text := "plain:listen {listen}\ntls:listen {listen} ssl {cert} {key} {both}\nto {upstream} in {dir} at {port} {other}\n"
	if got, want := p.fill(text), "listen 127.0.0.1:21000\nto 127.0.0.1:22000 in /d at 21000 {other}\n"; got != want {
		t.Errorf("plain: got %q, want %q", got, want)
	}
	p.secure = true
	if got, want := p.fill(text), "listen 127.0.0.1:21000 ssl /c /k /b\nto 127.0.0.1:22000 in /d at 21000 {other}\n"; got != want {
		t.Errorf("TLS: got %q, want %q", got, want)
	}
}
