package tap

import (
	"unicode/utf8"

	"usher/proxy/redact"
	"usher/proxy/ws"
)

// Shown is what people may see of a payload.
type Shown struct {
	Code  uint16 // of a Close frame
	Text  string // masked
	Bytes []byte // instead, of what is no text; the ring's
	Cut   bool   // there is more
}

// Show returns what people may see of a frame's payload, of which the beginning
// is given.
func Show(f *Frame, payload []byte) Shown {
	s := Shown{Cut: int64(len(payload)) < f.Size}
	switch {
	case !f.readable():
		s.Cut = f.Size > 0
		return s
	case f.Opcode == ws.Close && len(payload) >= 2:
		s.Code = uint16(payload[0])<<8 | uint16(payload[1])
		payload = payload[2:]
	}
	if f.Opcode == ws.Binary || !isText(payload, s.Cut) {
		n := redact.Find(payload)
		s.Cut = s.Cut || n < len(payload)
		s.Bytes = payload[:n]
		return s
	}
	s.Text = mask(string(trimmed(payload)), s.Cut)
	return s
}

// isText tells whether p is UTF-8, up to a character that may have been cut.
func isText(p []byte, cut bool) bool {
	if cut {
		p = trimmed(p)
	}
	return utf8.Valid(p)
}

// trimmed returns p without the beginning of a character at its end.
func trimmed(p []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if c := p[len(p)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(p[len(p)-i:]) {
				return p[:len(p)-i]
			}
			break
		}
	}
	return p
}
