package handshake

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"usher/proxy/http1"
)

// Bounds on what an upstream may say before its answer is complete.
const (
	maxAnswer  = 64 << 10 // bytes of one head, which is held twice: more than any upgrade's needs
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
// larger one. What belongs to interim answers is cut off; if nothing but those
// came before an error, the answer has the status of the last.
func readAnswer(conn net.Conn, buf []byte) ([]byte, answer, error) {
	interim := answer{}
	for range maxInterim {
		var end int
		var err error
		if buf, end, err = readHead(conn, buf); err != nil {
			return buf, interim, err
		}
		a, err := parseHead(string(buf[:end]))
		if err != nil {
			return buf, answer{}, err
		}
		if a.status >= 200 || a.status == http.StatusSwitchingProtocols {
			a.head = end
			return buf, a, nil
		}
		interim.status = a.status
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
		if len(buf) >= maxAnswer {
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
		if !ok || !http1.IsToken(name) || !http1.IsValue(value) {
			return a, errors.New("header line is malformed (RFC 9112, 5)")
		}
		a.lines = append(a.lines, line{name, strings.Trim(value, " \t")})
	}
}

func parseStatus(s string) (status int, ok bool) {
	code, ok := strings.CutPrefix(s, "HTTP/1.1 ")
	if !ok || len(code) < 3 || len(code) > 3 && code[3] != ' ' || !http1.IsValue(code) {
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
