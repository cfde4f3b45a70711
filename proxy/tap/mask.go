package tap

import (
	"strings"

	"usher/proxy/redact"
)

// mask returns text, of which there may be more, without what is secret: besides
// what redact knows, all that Socket.IO's CONNECT carries.
func mask(text string, cut bool) string {
	if head, ok := connects(text); ok {
		return redact.Text(text[:head], false) + redact.Hidden
	}
	return redact.Text(text, cut)
}

// connects tells whether text is a CONNECT of Socket.IO that carries something,
// and where that begins: "40{", "40/ns,{", "40/ns?query,", or without the 4 of
// Engine.IO.
func connects(text string) (head int, ok bool) {
	rest := strings.TrimPrefix(text, "4")
	if !strings.HasPrefix(rest, "0") || len(rest) < 2 {
		return 0, false
	}
	whole := len(rest) < len(text)
	head = len(text) - len(rest) + 1
	if rest[1] == '/' {
		end := strings.IndexAny(rest, "?,")
		if end < 0 {
			return 0, false
		}
		head = len(text) - len(rest) + end + 1
		return head, rest[end] == '?' || len(text) > head
	}
	// A "0{" alone is Engine.IO's open packet, of which the sid is masked.
	return head, rest[1] == '{' && (whole || !strings.HasPrefix(rest[1:], `{"sid"`)) || whole && rest[1] == '['
}
