package socketio

import (
	"bytes"
	"encoding/json"
)

// tagMark stands between a pid, which is made of the letters of base64url, and
// the tag of the endpoint that gave it.
const tagMark = '~'

// Answer is what an upstream's CONNECT says of the socket that it has made.
type Answer struct {
	SID string
	PID string // "" unless the upstream can recover the socket's state
}

// ParseAnswer reads the JSON of an upstream's CONNECT; protocol 4 sends none.
func ParseAnswer(data []byte) Answer {
	return Answer{text(member(data, "sid").of(data)), text(member(data, "pid").of(data))}
}

// ValidConnectData tells whether data may stand in a client's CONNECT of protocol
// 5: nothing, or JSON that JavaScript calls an object, of which the servers of 3.x
// and 4.0 take any. Spaces may be around either.
func ValidConnectData(data []byte) bool {
	data = bytes.TrimLeft(data, " \t\r\n")
	return len(data) == 0 || bytes.IndexByte([]byte("{[n"), data[0]) >= 0 && json.Valid(data)
}

// AppendTagged appends an upstream's CONNECT, p, with a tag behind its pid, so
// that a client which comes back names the endpoint that knows it. Without a
// pid the packet stays as it is.
func AppendTagged(dst, p []byte, h Header, tag string) []byte {
	s := member(p[h.Data:], "pid")
	if text(s.of(p[h.Data:])) == "" || tag == "" {
		return append(dst, p...)
	}
	end := h.Data + s.end - 1 // before the quote
	dst = append(dst, p[:end]...)
	dst = append(dst, tagMark)
	dst = append(dst, tag...)
	return append(dst, p[end:]...)
}

// AppendUntagged appends a client's CONNECT, p, without the tag behind its pid,
// and returns the tag, which is empty if there is none.
func AppendUntagged(dst, p []byte, h Header) (out []byte, tag string) {
	data := p[h.Data:]
	s := member(data, "pid")
	value := s.of(data)
	at := bytes.LastIndexByte(value, tagMark)
	if text(value) == "" || at < 0 {
		return append(dst, p...), ""
	}
	dst = append(dst, p[:h.Data+s.start+at]...)
	return append(dst, p[h.Data+s.end-1:]...), string(value[at+1 : len(value)-1])
}

// AppendRecovery appends a client's CONNECT, p, with the pid and offset from
// which the upstream is to recover the socket's state. They stand behind the
// members that the packet had, of which the last of a name counts.
func AppendRecovery(dst, p []byte, h Header, pid, offset string) []byte {
	data := bytes.TrimSpace(p[h.Data:])
	dst = append(dst, p[:h.Data]...)
	if len(data) > 1 && data[len(data)-1] == '}' {
		dst = append(dst, data[:len(data)-1]...)
		if len(bytes.TrimSpace(data[1:len(data)-1])) > 0 {
			dst = append(dst, ',')
		}
	} else {
		dst = append(dst, '{')
	}
	dst = appendString(append(dst, `"pid":`...), pid)
	dst = appendString(append(dst, `,"offset":`...), offset)
	return append(dst, '}')
}

// maxOffset bounds what is taken for an offset.
const maxOffset = 128

// Offset returns the last argument of the event whose JSON is data, if it is a
// string that can be an offset: an upstream that recovers states adds it.
func Offset(data []byte) string {
	data = bytes.TrimRight(data, " \t\r\n")
	n := len(data) - 2
	if n < 1 || data[n+1] != ']' || data[n] != '"' {
		return ""
	}
	from := max(0, n-maxOffset-1)
	at := bytes.LastIndexByte(data[from:n], '"')
	if at < 0 || from+at == 0 || data[from+at-1] != ',' {
		return ""
	}
	s := data[from+at+1 : n]
	if bytes.IndexByte(s, '\\') >= 0 {
		return ""
	}
	return string(s)
}

// span is where a value stands in a text.
type span struct{ start, end int }

func (s span) of(text []byte) []byte { return text[s.start:s.end] }

// member finds the value of the last member of this name in an object, as a
// parser of JavaScript would; the span is empty if there is none, or no object.
func member(object []byte, name string) span {
	var found span
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return found
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return span{}
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return span{}
		}
		if key == name {
			end := int(d.InputOffset())
			found = span{end - len(value), end}
		}
	}
	return found
}

// text decodes a string of JSON; what is none is empty.
func text(value []byte) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}
