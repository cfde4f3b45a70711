package config

import (
	"strings"
	"testing"
)

// A certificate's "*" is one label, a route's is one or more.
func TestCertificatesCoverOneLabel(t *testing.T) {
	for _, tt := range []struct {
		tls, host string
		warned    bool
	}{
		{"{internal: true}", "'*.y.test'", true},
		{"{internal: true}", "[a.y.test, '*.y.test']", true},
		{"{internal: true}", "y.test", false},
		{"{certificates: [{cert: a.pem, key: a.key}]}", "'*.y.test'", false},
	} {
		text := "listen: {address: ':443', tls: true}\ntls: " + tt.tls + "\nupstreams: {main: http://a}\nroutes:\n  - {host: " + tt.host + ", upstream: main}\n"
		c, err := Parse("routes.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		const want = `routes.yaml:5:5: host "*.y.test" takes a.b.y.test as well, but its certificate is for one label only`
		if got := len(c.Warnings) == 1 && strings.HasPrefix(c.Warnings.Error(), want); got != tt.warned || !got && len(c.Warnings) > 0 {
			t.Errorf("host %s, tls %s: got warnings %v, want one: %t", tt.host, tt.tls, c.Warnings, tt.warned)
		}
	}
}
