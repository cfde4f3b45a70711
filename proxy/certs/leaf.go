package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	leafLife = 7 * 24 * time.Hour
	// leafRest is what must be left of a leaf's life, or a new one is made.
	leafRest = leafLife / 3
	// localhost is issued for without being listed, with the addresses by
	// which a machine calls itself.
	localhost = "localhost"
)

// leaves are the certificates that the local authority issues when they are
// asked for. They are never stored: there is one for each listed name at most.
type leaves struct {
	authority *Authority
	names     []string // that are issued for
	addresses []net.IP // that clients connect to without a name

	mu   sync.Mutex
	made map[string]*tls.Certificate // by name; guarded by mu
}

// newLeaves returns the leaves for the listed names, addresses and localhost.
func newLeaves(a *Authority, listed []string) *leaves {
	l := &leaves{
		authority: a,
		names:     []string{localhost},
		addresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		made:      make(map[string]*tls.Certificate),
	}
	for _, name := range listed {
		if ip := net.ParseIP(name); ip != nil {
			l.addresses = append(l.addresses, ip)
		} else {
			l.names = append(l.names, name)
		}
	}
	return l
}

// get returns the leaf for a server name, nil if it is not listed. A client
// that connects to an address sends no name.
func (l *leaves) get(asked string) (*tls.Certificate, error) {
	name, ok := l.listed(asked)
	if !ok {
		return nil, nil
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if leaf := l.made[name]; leaf != nil && now.Add(leafRest).Before(leaf.Leaf.NotAfter) {
		return leaf, nil
	}
	leaf, err := l.issue(name, now)
	if err != nil {
		return nil, err
	}
	l.made[name] = leaf
	return leaf, nil
}

// listed returns the name on the list that stands for the one asked for.
func (l *leaves) listed(asked string) (name string, ok bool) {
	switch {
	case asked == "":
		return localhost, true
	case strings.HasPrefix(asked, "*"):
		return "", false
	}
	if slices.Contains(l.names, asked) {
		return asked, true
	}
	if _, above, ok := strings.Cut(asked, "."); ok && slices.Contains(l.names, "*."+above) {
		return "*." + above, true
	}
	return "", false
}

func (l *leaves) issue(name string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(leafLife),
		DNSNames: []string{name}, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if name == localhost {
		template.IPAddresses = l.addresses
	}
	der, err := x509.CreateCertificate(rand.Reader, template, l.authority.certificate, &key.PublicKey, l.authority.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}
