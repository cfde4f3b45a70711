package proxyproto

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"net"

	"github.com/pires/go-proxyproto"
)

const (
	// shortest is the length of the shortest header, "PROXY UNKNOWN\r\n".
	shortest = 15
	// longestLine is that of version 1 with its end (specification, 2.1).
	longestLine = 107
	// fixed is the length of version 2 up to the length of what follows.
	fixed = 16
	// longestRest bounds what follows the fixed part; with TLS details of the
	// client a few hundred bytes are usual.
	longestRest = 4096
	// local is version 2 and the command of who speaks for nobody.
	local = 0x20
)

var (
	signature = []byte("\r\n\r\n\x00\r\nQUIT\n") // of version 2
	word      = []byte("PROXY ")                 // of version 1

	errNoHeader = errors.New("a peer of proxy_protocol sent no header")
	errTooLong  = errors.New("header is too long")
)

// Addresses are those of the client that a header speaks for. Both are nil if it
// speaks for nobody, or for who has come by something else than TCP.
type Addresses struct {
	Source      net.Addr // the client's
	Destination net.Addr // that the client connected to
}

// Parse reads the header at the begin of p, which is n bytes long. If n is more
// than len(p), it is not whole: no less than n bytes must be there, and nothing
// else is said. After an error the connection must end.
func Parse(p []byte) (of Addresses, n int, err error) {
	n, err = measure(p)
	if err != nil || n > len(p) {
		return Addresses{}, n, err
	}
	p = p[:n]
	if bytes.HasPrefix(p, signature) && p[len(signature)] == local { // what follows is of no meaning, whatever it is (2.2)
		return Addresses{}, n, nil
	}
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(p), n))
	if err != nil {
		return Addresses{}, n, err
	}
	if _, err := h.TLVs(); err != nil { // their lengths must add up
		return Addresses{}, n, err
	}
	if from, to, ok := h.TCPAddrs(); ok && !h.Command.IsLocal() {
		of = Addresses{Source: from, Destination: to}
	}
	return of, n, nil
}

// measure returns the length of the header that p begins with, or, as long as p
// does not tell, a length that it has at least, which is more than that of p.
func measure(p []byte) (int, error) {
	switch {
	case len(p) < shortest:
		return shortest, nil
	case bytes.HasPrefix(p, word):
		return measureLine(p[:min(len(p), longestLine)])
	case !bytes.HasPrefix(p, signature):
		return 0, errNoHeader
	case len(p) < fixed:
		return fixed, nil
	}
	rest := int(binary.BigEndian.Uint16(p[fixed-2:]))
	if rest > longestRest {
		return 0, errTooLong
	}
	return fixed + rest, nil
}

// measureLine is measure for version 1.
func measureLine(p []byte) (int, error) {
	if end := bytes.IndexByte(p, '\n'); end >= 0 {
		return end + 1, nil
	}
	if len(p) == longestLine {
		return 0, errTooLong
	}
	return len(p) + 1, nil
}
