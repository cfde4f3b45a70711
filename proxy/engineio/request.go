package engineio

import "strings"

// Transport is a way in which packets travel.
type Transport uint8

// The transports that are offered; any other is UnknownTransport.
const (
	UnknownTransport Transport = iota
	Polling
	WebSocket
)

// String returns the name of t in a query, "" if it is unknown.
func (t Transport) String() string {
	switch t {
	case Polling:
		return "polling"
	case WebSocket:
		return "websocket"
	case UnknownTransport:
	}
	return ""
}

// Request is what the query of a request says to Engine.IO.
type Request struct {
	Version   Version // V3 unless the query says EIO=4
	Transport Transport
	SID       string // "" in a handshake
	B64       bool   // no bytes on this transport, base64 instead
	JSONP     bool   // there is a j
	Index     string // of the JSONP callback, as it was given
}

// ParseRequest reads a query. Of a parameter that is given twice the last
// counts, as in the reference implementation.
func ParseRequest(rawQuery string) Request {
	r := Request{Version: V3}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, raw, _ := strings.Cut(pair, "=")
		switch value := unescape(raw); unescape(name) {
		case "transport":
			r.Transport = parseTransport(value)
		case "EIO":
			r.Version = V3
			if value == "4" {
				r.Version = V4
			}
		case "sid":
			r.SID = value
		case "b64":
			r.B64 = value != ""
		case "j":
			r.JSONP, r.Index = true, value
		}
	}
	return r
}

// Speaks tells whether any server of Engine.IO may take a request with that query
// for its own: some ask for EIO, others for a transport, and of two they take the
// first or the last.
func Speaks(rawQuery string) bool {
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, raw, _ := strings.Cut(pair, "=")
		switch unescape(name) {
		case "EIO":
			return true
		case "transport":
			if parseTransport(unescape(raw)) != UnknownTransport {
				return true
			}
		}
	}
	return false
}

func parseTransport(name string) Transport {
	for _, t := range []Transport{Polling, WebSocket} {
		if name == t.String() {
			return t
		}
	}
	return UnknownTransport
}

// AppendLegQuery appends the query with which an upstream is dialled on behalf
// of a client: the client's own pairs in their order and encoding, but not what
// belongs to its transport.
func AppendLegQuery(dst []byte, v Version, rawQuery string) []byte {
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		switch unescape(name) {
		case "", "EIO", "transport", "sid", "t", "b64", "j":
			continue
		}
		dst = append(dst, pair...)
		dst = append(dst, '&')
	}
	dst = append(dst, "EIO="...)
	dst = append(dst, '0'+byte(v))
	return append(dst, "&transport=websocket"...)
}

// unescape decodes a part of a query or form. What is no escape is taken as it
// stands, as Node does.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case s[i] == '%' && i+2 < len(s) && digit(s[i+1]) < 16 && digit(s[i+2]) < 16:
			b = append(b, digit(s[i+1])<<4|digit(s[i+2]))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}

// digit is the value of a hexadecimal digit, 16 if c is none.
func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
