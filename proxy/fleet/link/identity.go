package link

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/proxy/http2"
)

// maxID is the longest id of a node.
const maxID = 64

var (
	// errStranger is for who has no certificate of the fleet.
	errStranger = errors.New("no certificate of this fleet")
	// errAuthority is for a node that takes none of the certificates that this one
	// can make.
	errAuthority = errors.New("the other node has another secret")
)

// identity is how a node proves who it is, and sees who others are. Of several
// authorities all are believed: a secret is changed on one node after the other.
type identity struct {
	id          string
	authorities []*authority // the newest first
	roots       *x509.CertPool
	now         func() time.Time
}

func newIdentity(id string, keys [][]byte, now func() time.Time) (*identity, error) {
	if !validID(id) {
		return nil, fmt.Errorf("%q is no id of a node", id)
	}
	n := &identity{id: id, roots: x509.NewCertPool(), now: now}
	for _, key := range keys {
		a, err := newAuthority(key)
		if err != nil {
			return nil, err
		}
		n.authorities = append(n.authorities, a)
		n.roots.AddCert(a.cert)
	}
	if len(n.authorities) == 0 {
		return nil, errors.New("a link needs a key")
	}
	return n, nil
}

// validID tells whether s may be the id of a node: it stands in sids and in logs.
func validID(s string) bool {
	return s != "" && len(s) <= maxID && strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == ""
}

// server is for who comes here. A ticket would outlive the certificate that it was
// given for.
func (n *identity) server() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{http2.Protocol},
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ClientCAs:              n.roots,
		SessionTicketsDisabled: true,
		Time:                   n.now,
		// Who comes says by the name which authority is its newest.
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			for _, a := range n.authorities {
				if a.name == hello.ServerName {
					return a.certificate(n.id, n.now())
				}
			}
			return n.authorities[0].certificate(n.id, n.now())
		},
		VerifyConnection: func(s tls.ConnectionState) error {
			_, err := peerOf(s)
			return err
		},
	}
}

// client is for another node, whose name is not known before it has said it.
func (n *identity) client() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{http2.Protocol},
		ServerName:         n.authorities[0].name,
		InsecureSkipVerify: true, // VerifyConnection does
		Time:               n.now,
		GetClientCertificate: func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			for _, a := range n.authorities {
				if c, err := a.certificate(n.id, n.now()); err != nil {
					return nil, err
				} else if asked.SupportsCertificate(c) == nil {
					return c, nil
				}
			}
			return nil, errAuthority
		},
		VerifyConnection: n.verify,
	}
}

// verify is how a client sees that it speaks with a node of the fleet.
func (n *identity) verify(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return errStranger
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: n.roots, CurrentTime: n.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err == nil {
		_, err = peerOf(s)
	}
	return err
}

// isOwn tells whether this very process has made the certificate of the other end.
func (n *identity) isOwn(s tls.ConnectionState) bool {
	return slices.ContainsFunc(n.authorities, func(a *authority) bool {
		own, err := a.certificate(n.id, n.now())
		return err == nil && s.PeerCertificates[0].Equal(own.Leaf)
	})
}

// peerOf returns the id of the node at the other end of a connection whose
// certificate is verified.
func peerOf(s tls.ConnectionState) (id string, err error) {
	switch {
	case len(s.PeerCertificates) == 0:
		return "", errStranger
	case s.NegotiatedProtocol != http2.Protocol:
		return "", errors.New("the other end of a link speaks no HTTP/2")
	}
	id = s.PeerCertificates[0].Subject.CommonName
	if !validID(id) {
		return "", fmt.Errorf("%w: its name is %.100q", errStranger, id)
	}
	return id, nil
}
