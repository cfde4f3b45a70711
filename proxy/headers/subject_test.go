package headers

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"
)

func TestSubject(t *testing.T) {
	for name, want := range map[string]string{
		"alice":          "CN=alice",
		"a,CN=root":      `CN=a\,CN=root`,
		"a\r\nX-Evil: 1": `CN=a\0D\0AX-Evil: 1`,
		"a\x00b":         `CN=a\00b`,
		"\xc3\xa4":       `CN=\C3\A4`,
		`a\0D`:           `CN=a\\0D`,
		"a\x7f":          `CN=a\7F`,
	} {
		c := &x509.Certificate{Subject: pkix.Name{CommonName: name}}
		state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}
		if got := subject(state); got != "" {
			t.Errorf("subject of %q, not verified: got %q, want none", name, got)
		}
		state.VerifiedChains = [][]*x509.Certificate{{c}}
		if got := subject(state); got != want {
			t.Errorf("subject of %q: got %q, want %q", name, got, want)
		}
	}
}
