package redact

import "strings"

// valueOf returns the place of the value of the name text[from:to], empty if
// it has none. In front of it stands ":" or "=", or "," in an event of
// Socket.IO. Quotes may be escaped: there is JSON in JSON.
func valueOf(text string, from, to int) (int, int) {
	at := skip(text, to, `\"'`)
	quoted := at > to
	at = skip(text, at, " \t\r\n")
	if at == len(text) || text[at] != ':' && text[at] != '=' && (text[at] != ',' || !quoted) {
		return to, to
	}
	separator := text[at]
	at = skip(text, at+1, " \t\r\n")
	escapes := skip(text, at, `\`) - at
	if at+escapes == len(text) {
		return to, to
	}
	switch c := text[at+escapes]; c {
	case '"', '\'':
		begin := at + escapes + 1
		return begin, endOfString(text, begin, c, escapes)
	case '{', '[':
		return at, endOfNested(text, at)
	}
	stops := "&;, \t\r\n\"'}])"
	if separator != '=' { // a header, whose value has spaces, or a JSON number
		stops = ",\r\n\"'}])"
	}
	if isCookie(text[from:to]) {
		stops = "\r\n\"'"
	}
	if n := strings.IndexAny(text[at:], stops); n >= 0 {
		return at, at + n
	}
	return at, len(text)
}

func isCookie(name string) bool { return strings.Contains(strings.ToLower(name), "cookie") }

// skip returns the first place from at on that is none of set.
func skip(text string, at int, set string) int {
	for at < len(text) && strings.IndexByte(set, text[at]) >= 0 {
		at++
	}
	return at
}

// endOfString returns where the string ends, at a quote with as many escapes
// in front as it began with.
func endOfString(text string, at int, quote byte, escapes int) int {
	for n := 0; at < len(text); at++ {
		switch text[at] {
		case '\\':
			n++
		case quote:
			if n <= escapes {
				return at - n
			}
			n = 0
		default:
			n = 0
		}
	}
	return at
}

// endOfNested returns where the object or array at the given place ends. What
// stands in its strings is not told from what does not: rather too much is
// hidden.
func endOfNested(text string, at int) int {
	depth, inside := 0, false
	for ; at < len(text); at++ {
		switch c := text[at]; {
		case c == '\\':
			at++
		case c == '"':
			inside = !inside
		case inside:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
	}
	return min(at, len(text))
}
