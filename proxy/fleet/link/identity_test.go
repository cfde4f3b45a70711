package link

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"
)

func at(now time.Time) func() time.Time { return func() time.Time { return now } }

func mustIdentity(t *testing.T, id string, now time.Time, keys ...[]byte) *identity {
	t.Helper()
	n, err := newIdentity(id, keys, at(now))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// shake has a client greet a server, and returns what either makes of it.
func shake(client, server *identity) (atClient, atServer error) {
	return shakeAs(client.client(), server)
}

// Who has the secret is a node, by any of its keys and by any clock that is not
// much off; who has not is none.
func TestIdentity(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name           string
		client, server *identity
		ok             bool
	}{
		{"same secret", mustIdentity(t, "a", now, keyOne), mustIdentity(t, "b", now, keyOne), true},
		{"another secret", mustIdentity(t, "a", now, keyOther), mustIdentity(t, "b", now, keyOne), false},
		{"the client knows the new one as well", mustIdentity(t, "a", now, keyTwo, keyOne), mustIdentity(t, "b", now, keyOne), true},
		{"the server knows the new one as well", mustIdentity(t, "a", now, keyOne), mustIdentity(t, "b", now, keyTwo, keyOne), true},
		{"both know both", mustIdentity(t, "a", now, keyTwo, keyOne), mustIdentity(t, "b", now, keyTwo, keyOne), true},
		{"the server has the new one only", mustIdentity(t, "a", now, keyTwo, keyOne), mustIdentity(t, "b", now, keyTwo), true},
		{"the client has the new one only", mustIdentity(t, "a", now, keyTwo), mustIdentity(t, "b", now, keyTwo, keyOne), true},
		{"old and new have nothing in common", mustIdentity(t, "a", now, keyOne), mustIdentity(t, "b", now, keyTwo), false},
		{"5 minutes apart", mustIdentity(t, "a", now, keyOne), mustIdentity(t, "b", now.Add(-5*time.Minute), keyOne), true},
		{"2 hours apart", mustIdentity(t, "a", now.Add(2*time.Hour), keyOne), mustIdentity(t, "b", now, keyOne), false},
		{"2 hours apart, otherwise", mustIdentity(t, "a", now, keyOne), mustIdentity(t, "b", now.Add(2*time.Hour), keyOne), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, s := shake(tt.client, tt.server)
			if ok := c == nil && s == nil; ok != tt.ok {
				t.Errorf("got %v at the client, %v at the server, want ok %v", c, s, tt.ok)
			}
		})
	}
}

// A certificate is new in time, and always good for hours.
func TestCertificateIsKeptFresh(t *testing.T) {
	a, err := newAuthority(keyOne)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	first, _ := a.certificate("a", now)
	if first.Leaf.NotBefore.After(now.Add(-59*time.Minute)) || first.Leaf.NotAfter.Before(now.Add(23*time.Hour)) {
		t.Errorf("got one from %v to %v, want it from an hour ago, for 24 h", first.Leaf.NotBefore, first.Leaf.NotAfter)
	}
	if again, _ := a.certificate("a", now.Add(11*time.Hour)); again != first {
		t.Error("got another one after 11 h")
	}
	later, _ := a.certificate("a", now.Add(13*time.Hour))
	if later == first || later.Leaf.NotAfter.Before(now.Add(36*time.Hour)) {
		t.Error("after 13 h: got the old one")
	}
	if back, _ := a.certificate("a", now); back == later {
		t.Error("with the clock set back: got one that has not begun")
	}
	twin, _ := newAuthority(keyOne)
	if !bytes.Equal(twin.cert.RawSubject, a.cert.RawSubject) || twin.name != a.name {
		t.Error("the same key makes another authority")
	}
}

// What any authority or a node itself could make is no certificate of a node.
func TestStrangers(t *testing.T) {
	now := time.Now()
	server := mustIdentity(t, "b", now, keyOne)
	node := mustIdentity(t, "a", now, keyOne)
	own, _ := node.authorities[0].certificate("a", now)
	expired, _ := node.authorities[0].issue("a", now.Add(-25*time.Hour))
	nameless, _ := node.authorities[0].issue("", now)
	spoken, _ := node.authorities[0].issue("a b\n", now)
	// A leaf of the fleet's signs another.
	under := &authority{name: node.authorities[0].name, cert: own.Leaf, key: own.PrivateKey.(ed25519.PrivateKey)}
	chained, _ := under.issue("a", now)
	chained.Certificate = append(chained.Certificate, own.Certificate...)
	// Another key under the authority's name.
	false1 := mustIdentity(t, "a", now, keyOther)
	false1.authorities[0].cert.Subject, false1.authorities[0].cert.RawSubject = server.authorities[0].cert.Subject, server.authorities[0].cert.RawSubject
	forged, _ := false1.authorities[0].issue("a", now)
	for name, c := range map[string]*tls.Certificate{
		"none": {}, "expired": expired, "without a name": nameless, "with a name that is none": spoken, "of a leaf": chained, "of another key": forged,
	} {
		t.Run(name, func(t *testing.T) {
			config := node.client()
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c, nil }
			if _, err := shakeAs(config, server); err == nil {
				t.Error("got in")
			}
			if name == "none" {
				return
			}
			liar := mustIdentity(t, "b", now, keyOne)
			said := liar.server()
			said.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c, nil }
			if err, _ := shakeWith(node.client(), said); err == nil {
				t.Error("got believed as a server")
			}
		})
	}
	for name, change := range map[string]func(*tls.Config){
		"TLS 1.2":  func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 },
		"HTTP/1.1": func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} },
		"no ALPN":  func(c *tls.Config) { c.NextProtos, c.VerifyConnection = nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			config := node.client()
			change(config)
			if _, err := shakeAs(config, server); err == nil {
				t.Error("got in")
			}
		})
	}
	if _, err := own.Leaf.Verify(x509.VerifyOptions{Roots: server.roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}); err == nil {
		t.Error("got a certificate that is good for more than links")
	}
}

func shakeAs(client *tls.Config, server *identity) (atClient, atServer error) {
	return shakeWith(client, server.server())
}
