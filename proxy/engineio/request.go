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

// ParseRequest reads a query. A parameter that is given twice has the value
// that the reference implementation makes of it, joined by a comma, which is
// no transport, no version and no session's id.
func ParseRequest(rawQuery string) Request {
	r := Request{Version: V3}
	var transport, version, b64 value
	var sid, index value
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, v, _ := strings.Cut(pair, "=")
		switch unescape(name) {
		case "transport":
			transport.add(v)
		case "EIO":
			version.add(v)
		case "sid":
			sid.add(v)
		case "b64":
			b64.add(v)
		case "j":
			index.add(v)
		}
	}
	if version.text == "4" {
		r.Version = V4
	}
	switch transport.text {
	case "polling":
		r.Transport = Polling
	case "websocket":
		r.Transport = WebSocket
	}
	r.SID, r.B64 = sid.text, b64.text != ""
	r.JSONP, r.Index = index.given, index.text
	return r
}

// value is that of a parameter that may be given more than once.
type value struct {
	given bool
	text  string
}

func (v *value) add(raw string) {
	if v.given {
		v.text += "," + unescape(raw)
		return
	}
	v.given, v.text = true, unescape(raw)
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
