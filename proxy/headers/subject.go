package headers

import (
	"crypto/tls"
	"fmt"
	"strings"
)

// subject returns the distinguished name in a client's verified certificate, as
// RFC 2253 writes it, "" without one. Bytes that have no place in a header are
// escaped as that RFC has it, so that two names never look the same.
func subject(c *tls.ConnectionState) string {
	if len(c.VerifiedChains) == 0 {
		return ""
	}
	name := c.PeerCertificates[0].Subject.String()
	if strings.IndexFunc(name, beyondASCII) < 0 {
		return name
	}
	var b strings.Builder
	for i := range len(name) {
		if beyondASCII(rune(name[i])) {
			fmt.Fprintf(&b, `\%02X`, name[i])
		} else {
			b.WriteByte(name[i])
		}
	}
	return b.String()
}

func beyondASCII(c rune) bool { return c < ' ' || c > '~' }
