package handshake

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
)

// Bounds on what an upstream may say before its answer is complete.
const (
	maxHead    = 64 << 10 // bytes of one head
	maxInterim = 8        // answers 1xx that are skipped
	firstRead  = 4 << 10  // room for what most heads need
)

// answer is an upstream's answer to the upgrade. Its strings point into the
// buffer it was read from.
type answer struct {
	status int
	lines  []line
	head   int // bytes of the buffer that the head takes; what follows is behind it
}

type line struct{ name, value string }

var errHeadTooLong = errors.New("head is longer than 64 KiB")

// readAnswer reads from conn until buf holds a whole head that is not an
// interim one. It returns the buffer, which may have been exchanged for a
// larger one. What belongs to interim answers is cut off.
func readAnswer(conn net.Conn, buf []byte) ([]byte, answer, error) {
	for range maxInterim {
		var end int
		var err error
		if buf, end, err = readHead(conn, buf); err != nil {
			return buf, answer{}, err
		}
		a, err := parseHead(string(buf[:end]))
		if err != nil {
			return buf, answer{}, err
		}
		if a.status >= 200 || a.status == http.StatusSwitchingProtocols {
			a.head = end
			return buf, a, nil
		}
		buf = buf[:copy(buf, buf[end:])]
	}
	return buf, answer{}, errors.New("more than 8 interim answers")
}

// readHead reads until buf has an empty line and returns where that ends.
func readHead(conn net.Conn, buf []byte) ([]byte, int, error) {
	from := 0
	for {
		if i := bytes.Index(buf[from:], []byte("\r\n\r\n")); i >= 0 {
			return buf, from + i + 4, nil
		}
		from = max(0, len(buf)-3)
		if len(buf) >= maxHead {
			return buf, 0, errHeadTooLong
		}
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, max(2*cap(buf), firstRead)), buf...)
		}
		n, err := conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil && n == 0 {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return buf, 0, err
		}
	}
}

// parseHead takes a head apart that ends with an empty line. It is strict: what
// two readers could understand in two ways is an error.
func parseHead(head string) (answer, error) {
	first, rest, _ := strings.Cut(head, "\r\n")
	a := answer{lines: make([]line, 0, 16)}
	var ok bool
	if a.status, ok = parseStatus(first); !ok {
		return a, errors.New("status line is not one of HTTP/1.1 (RFC 9112, 4)")
	}
	for {
		var text string
		if text, rest, _ = strings.Cut(rest, "\r\n"); text == "" {
			return a, nil
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok || !isToken(name) || !isValue(value) {
			return a, errors.New("header line is malformed (RFC 9112, 5)")
		}
		a.lines = append(a.lines, line{name, strings.Trim(value, " \t")})
	}
}

func parseStatus(s string) (status int, ok bool) {
	code, ok := strings.CutPrefix(s, "HTTP/1.1 ")
	if !ok || len(code) < 3 || len(code) > 3 && code[3] != ' ' || !isValue(code) {
		return 0, false
	}
	for i := range 3 {
		if code[i] < '0' || code[i] > '9' {
			return 0, false
		}
		status = 10*status + int(code[i]-'0')
	}
	return status, status >= 100 && status <= 599
}

// agreed is what a verified 101 has settled.
type agreed struct {
	protocol string // "" for none
	deflate  *deflate
}

// verify checks an upstream's 101 against what it was asked (RFC 6455, 4.1). An
// upstream that says 101 without meaning this handshake speaks another
// protocol, and the client must not come to talk to it.
func (a answer) verify(key string, o offer) (agreed, error) {
	var g agreed
	switch up, n := a.one("Upgrade"); {
	case n != 1 || !strings.EqualFold(up, "websocket"):
		return g, errors.New("101 without Upgrade: websocket")
	case !hasToken(a.all("Connection"), "upgrade"):
		return g, errors.New("101 without Connection: Upgrade")
	}
	if got, n := a.one("Sec-WebSocket-Accept"); n != 1 || got != accept(key) {
		return g, errors.New("101 with a wrong Sec-WebSocket-Accept")
	}
	var ok bool
	if g.protocol, ok = a.protocol(o.protocols); !ok {
		return g, errors.New("101 with a subprotocol that was not offered")
	}
	if g.deflate, ok = a.deflate(o.extensions); !ok {
		return g, errors.New("101 with an extension that was not offered so")
	}
	return g, nil
}

func (a answer) protocol(offered []string) (string, bool) {
	p, n := a.one("Sec-WebSocket-Protocol")
	if n == 0 {
		return "", true
	}
	for _, o := range offered {
		if o == p {
			return p, n == 1
		}
	}
	return "", false
}

func (a answer) deflate(offered []deflate) (*deflate, bool) {
	list, ok := parseExtensions(a.all("Sec-WebSocket-Extensions"))
	if !ok || len(list) == 0 {
		return nil, ok
	}
	if len(list) > 1 || list[0].name != deflateName {
		return nil, false
	}
	d, ok := parseDeflate(list[0].params)
	if !ok {
		return nil, false
	}
	for _, o := range offered {
		if d.answers(o) {
			return &d, true
		}
	}
	return nil, false
}

// one returns the last value of a header and how often it stands.
func (a answer) one(name string) (value string, n int) {
	for _, l := range a.lines {
		if strings.EqualFold(l.name, name) {
			value, n = l.value, n+1
		}
	}
	return value, n
}

func (a answer) all(name string) (values []string) {
	for _, l := range a.lines {
		if strings.EqualFold(l.name, name) {
			values = append(values, l.value)
		}
	}
	return values
}

// append101 writes the client's 101: usher's own proof, what was agreed, and
// every other header of the upstream's answer.
func (a answer) append101(b []byte, key string, g agreed) []byte {
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = append(b, accept(key)...)
	b = append(b, "\r\n"...)
	if g.protocol != "" {
		b = appendHeader(b, "Sec-WebSocket-Protocol", g.protocol)
	}
	if g.deflate != nil {
		b = append(b, "Sec-WebSocket-Extensions: "...)
		b = append(g.deflate.append(b), "\r\n"...)
	}
	nominated := a.all("Connection")
	for _, l := range a.lines {
		if passes(l.name, nominated) {
			b = appendHeader(b, l.name, l.value)
		}
	}
	return append(b, "\r\n"...)
}
