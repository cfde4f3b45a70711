package handshake

import (
	"strconv"
	"strings"

	"usher/proxy/http1"
)

// extension is one element of Sec-WebSocket-Extensions (RFC 6455, 9.1).
type extension struct {
	name   string
	params []param
}

type param struct{ name, value string }

// parseExtensions reads the header's lines, which count as one list.
func parseExtensions(lines []string) (list []extension, ok bool) {
	for _, line := range lines {
		s := scanner{rest: line}
		if s.skipSpace(); s.rest == "" {
			continue
		}
		for {
			e, ok := s.extension()
			if !ok {
				return nil, false
			}
			list = append(list, e)
			if s.rest == "" {
				break
			}
			if !s.eat(',') {
				return nil, false
			}
		}
	}
	return list, true
}

// scanner reads the grammar of extensions from a line.
type scanner struct{ rest string }

func (s *scanner) extension() (e extension, ok bool) {
	if e.name, ok = s.token(); !ok {
		return e, false
	}
	for s.eat(';') {
		var p param
		if p.name, ok = s.token(); !ok {
			return e, false
		}
		if s.eat('=') {
			if p.value, ok = s.value(); !ok {
				return e, false
			}
		}
		e.params = append(e.params, p)
	}
	return e, true
}

func (s *scanner) skipSpace() { s.rest = strings.TrimLeft(s.rest, " \t") }

func (s *scanner) eat(c byte) bool {
	s.skipSpace()
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) token() (string, bool) {
	s.skipSpace()
	n := 0
	for n < len(s.rest) && http1.IsTokenByte(s.rest[n]) {
		n++
	}
	t := s.rest[:n]
	s.rest = s.rest[n:]
	s.skipSpace()
	return t, n > 0
}

// value reads a token, or a quoted one, whose content must be a token too.
func (s *scanner) value() (string, bool) {
	if !s.eat('"') {
		return s.token()
	}
	v, rest, ok := strings.Cut(s.rest, `"`)
	s.rest = rest
	s.skipSpace()
	return v, ok && http1.IsToken(v)
}

// deflate are the parameters of permessage-deflate (RFC 7692, 7.1).
type deflate struct {
	serverNoTakeover bool
	clientNoTakeover bool
	serverBits       int  // 0: not given
	clientBits       int  // 0: not given, or given without a value
	clientBitsGiven  bool // client_max_window_bits was given
}

const deflateName = "permessage-deflate"

// deflateOffers leaves of a client's offers those that the relay can carry.
// An offer with parameters that are unknown or illegal is declined, not an
// error (RFC 7692, 7.1).
func deflateOffers(list []extension) []deflate {
	var offers []deflate
	for _, e := range list {
		if e.name != deflateName {
			continue
		}
		if d, ok := parseDeflate(e.params); ok {
			offers = append(offers, d)
		}
	}
	return offers
}

func parseDeflate(params []param) (d deflate, ok bool) {
	for i, p := range params {
		for _, earlier := range params[:i] {
			if earlier.name == p.name {
				return d, false
			}
		}
		switch p.name {
		case "server_no_context_takeover":
			d.serverNoTakeover, ok = true, p.value == ""
		case "client_no_context_takeover":
			d.clientNoTakeover, ok = true, p.value == ""
		case "server_max_window_bits":
			d.serverBits, ok = windowBits(p.value)
		case "client_max_window_bits":
			d.clientBitsGiven, ok = true, true
			if p.value != "" {
				d.clientBits, ok = windowBits(p.value)
			}
		default:
			ok = false
		}
		if !ok {
			return d, false
		}
	}
	return d, true
}

// windowBits reads 8 to 15, without leading zeroes (RFC 7692, 7.1.2).
func windowBits(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 8 && n <= 15 && s == strconv.Itoa(n)
}

// accepted returns usher's own answer to the first of a client's offers, nil
// if there are none. No context is taken over either way, whatever was offered,
// so that nothing is kept between two messages; the client's window is left to
// it.
func accepted(offers []deflate) *deflate {
	if len(offers) == 0 {
		return nil
	}
	return &deflate{serverNoTakeover: true, clientNoTakeover: true, serverBits: offers[0].serverBits}
}

// window is the bits of the window for what is sent to the client; 0 if nothing
// was agreed.
func (d *deflate) window() uint8 {
	switch {
	case d == nil:
		return 0
	case d.serverBits == 0:
		return 15
	}
	return uint8(d.serverBits)
}

// answers reports whether d is a legal answer to an offer.
func (d deflate) answers(o deflate) bool {
	switch {
	case o.serverNoTakeover && !d.serverNoTakeover:
		return false
	case o.serverBits != 0 && (d.serverBits == 0 || d.serverBits > o.serverBits):
		return false
	case d.clientBitsGiven && (!o.clientBitsGiven || d.clientBits == 0):
		return false
	case o.clientBits != 0 && d.clientBits > o.clientBits:
		return false
	}
	return true
}

// append writes the extension in its canonical form.
func (d deflate) append(b []byte) []byte {
	b = append(b, deflateName...)
	if d.serverNoTakeover {
		b = append(b, "; server_no_context_takeover"...)
	}
	if d.clientNoTakeover {
		b = append(b, "; client_no_context_takeover"...)
	}
	if d.serverBits != 0 {
		b = append(b, "; server_max_window_bits="...)
		b = strconv.AppendInt(b, int64(d.serverBits), 10)
	}
	if d.clientBitsGiven {
		b = append(b, "; client_max_window_bits"...)
	}
	if d.clientBits != 0 {
		b = append(b, '=')
		b = strconv.AppendInt(b, int64(d.clientBits), 10)
	}
	return b
}
