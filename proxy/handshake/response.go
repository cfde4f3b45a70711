package handshake

import (
	"bytes"
	"errors"
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

var (
	errHeadTooLong = errors.New("head is longer than 64 KiB")
	errInterim     = errors.New("more than 8 interim answers")
)

// parser finds the answer in what is read of a connection. The zero value stands
// before the first byte.
type parser struct {
	from    int // where the search for the end of a head goes on
	interim int // answers that were skipped
	status  int // of the last of them
}

// next looks for an answer in buf: all that was read, but for what next has cut
// off. It cuts off interim answers and returns the rest. Unless the answer is
// whole, more is to be read behind that; until then, and with an error, it has
// the status of the last interim one.
func (p *parser) next(buf []byte) (rest []byte, a answer, whole bool, err error) {
	for p.interim < maxInterim {
		i := bytes.Index(buf[p.from:], []byte("\r\n\r\n"))
		if i < 0 {
			if p.from = max(0, len(buf)-3); len(buf) >= maxAnswer {
				err = errHeadTooLong
			}
			return buf, answer{status: p.status}, false, err
		}
		end := p.from + i + 4
		if a, err = parseHead(string(buf[:end])); err != nil {
			return buf, answer{status: p.status}, false, err
		}
		if a.status >= 200 || a.status == http.StatusSwitchingProtocols {
			a.head = end
			return buf, a, true, nil
		}
		buf = buf[:copy(buf, buf[end:])]
		p.from, p.interim, p.status = 0, p.interim+1, a.status
	}
	return buf, answer{status: p.status}, false, errInterim
}

// parseHead takes a head apart that ends with an empty line. It is strict: what
// two readers could understand in two ways is an error, such as lines that end
// with LF alone or go on in the next (obs-fold), and names that are no tokens.
func parseHead(head string) (answer, error) {
	first, rest, _ := strings.Cut(head, "\r\n")
	a := answer{lines: make([]line, 0, 16)}
	var ok bool
	if a.status, ok = parseStatus(first); !ok {
		return a, errors.New("status line is not one of HTTP/1.x (RFC 9112, 4)")
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

// parseStatus takes any version 1.x, as a minor version never changes what a
// message means (RFC 9112, 2.3). But 1.0 has neither upgrades nor anything else
// of 1xx (RFC 9110, 15.2).
func parseStatus(s string) (status int, ok bool) {
	rest, ok := strings.CutPrefix(s, "HTTP/1.")
	if !ok || len(rest) < 5 || rest[0] < '0' || rest[0] > '9' || rest[1] != ' ' {
		return 0, false
	}
	minor, code := rest[0], rest[2:]
	if len(code) > 3 && code[3] != ' ' || !http1.IsValue(code) {
		return 0, false
	}
	for i := range 3 {
		if code[i] < '0' || code[i] > '9' {
			return 0, false
		}
		status = 10*status + int(code[i]-'0')
	}
	return status, status >= 100 && status <= 599 && (status >= 200 || minor != '0')
}
