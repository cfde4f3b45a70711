package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
)

// maxNames is how many names of a certificate an error shows.
const maxNames = 5

// advice says what to do about err, of TLS with an endpoint, by the key that
// says otherwise; "" if there is none. own is what is unusual there, or nil.
func advice(err error, own *tls.Config) string {
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return nameAdvice(name)
	}
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, noRoots := errors.AsType[x509.SystemRootsError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case (unknown || noRoots) && own != nil && own.RootCAs != nil:
		return "the file of ca does not have the authority of this certificate"
	case unknown || noRoots:
		return "set ca to a file with its authority, or with the certificate itself if it has none"
	case noTLS:
		return "the endpoint speaks no TLS there: http:// would"
	case isAboutOurs(err):
		return ownAdvice
	case strings.Contains(alert(err), "handshake failure"): // by TLS 1.2 that may be all that is said
		return "it has no cipher suite in common with usher, or wants to see a certificate by cert and key"
	}
	return ""
}

// nameAdvice tells a certificate with other names from one that has none where
// names are looked for.
func nameAdvice(err x509.HostnameError) string {
	c := err.Certificate
	var names []string
	for _, name := range c.DNSNames {
		names = append(names, fmt.Sprintf("%q", name))
	}
	for _, a := range c.IPAddresses {
		names = append(names, a.String())
	}
	switch {
	case len(names) == 0 && c.Subject.CommonName != "":
		return fmt.Sprintf("it has a name only as its common name, %q, where clients do not look any more (RFC 9525, 2):"+
			" it must be issued again with a subject alternative name, server_name does not help", c.Subject.CommonName)
	case len(names) == 0:
		return "it has no name: it must be issued again with a subject alternative name"
	case len(names) > maxNames:
		names = append(names[:maxNames], "...")
	}
	return "set server_name to a name that it has: " + strings.Join(names, ", ")
}

// ownAdvice is for an endpoint that asks who usher is.
const ownAdvice = "the upstream verifies its clients: set cert and key to a certificate that it accepts"

// isAboutOurs tells that the other side has sent an alert about the certificate
// that usher shows, or does not.
func isAboutOurs(err error) bool { return strings.Contains(alert(err), "certificate") }

// alert is the text of the one that the other side has sent, or "".
func alert(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return op.Err.Error()
	}
	return ""
}

// Explain adds what to do to an error of a connection that Dial has returned:
// by TLS 1.3 an endpoint refuses usher's certificate when it is read from.
func Explain(err error) error {
	if isAboutOurs(err) {
		return fmt.Errorf("%w: %s", err, ownAdvice)
	}
	return err
}
