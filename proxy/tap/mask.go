package tap

import (
	"bytes"
	"strings"
)

// hidden stands for a secret.
const hidden = "***"

// mask returns text with the values of secrets replaced by "***": tokens,
// passwords, sids, what Socket.IO's CONNECT carries, headers such as
// Authorization, JSON Web Tokens. The text may end anywhere, also inside a
// value. It rather hides too much.
func mask(text string) string {
	if head, ok := connects(text); ok {
		return maskValues(text[:head]) + hidden
	}
	return maskValues(text)
}

// maskValues is mask but for what a CONNECT carries.
func maskValues(text string) string {
	var out strings.Builder
	done := 0 // text[:done] is in out
	for at := 0; at < len(text); {
		word := wordAt(text, at)
		if word == 0 {
			at++
			continue
		}
		from, to := secretAt(text, at, at+word)
		if from < to {
			out.WriteString(text[done:from] + hidden)
			done = to
		}
		at = max(at+word, to)
	}
	return out.String() + text[done:]
}

// findSecret returns where in data, which is no text, something begins that
// may be a secret or name one, len(data) if nothing does.
func findSecret(data []byte) int {
	text := string(data)
	for at := 0; at < len(text); {
		n := wordAt(text, at)
		if n == 0 {
			at++
			continue
		}
		if word := text[at : at+n]; namesSecret(word) || isJWT(word) || isScheme(word) {
			return at
		}
		at += n
	}
	return len(data)
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

// wordAt returns the length of the word that begins at the given place.
func wordAt(text string, at int) int {
	n := 0
	for at+n < len(text) && isWord(text[at+n]) {
		n++
	}
	return n
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// secretAt returns the place of the secret that the word text[from:to] is or
// leads to; both are the same if there is none.
func secretAt(text string, from, to int) (int, int) {
	word := text[from:to]
	switch {
	case isJWT(word):
		return from, to
	case isScheme(word):
		begin := to
		for begin < len(text) && text[begin] == ' ' {
			begin++
		}
		end := begin
		for end < len(text) && (isWord(text[end]) || strings.IndexByte("+/=~", text[end]) >= 0) {
			end++
		}
		if begin > to && end-begin >= minCredential {
			return begin, end
		}
		return to, to
	}
	if begin, end := valueOf(text, from, to); begin < end && namesSecret(word) {
		return begin, end
	}
	return to, to
}

// minCredential is what a credential has at least: "basic plan" is none.
const minCredential = 6

// isScheme tells whether word announces a credential (RFC 9110, 11.4).
func isScheme(word string) bool {
	return strings.EqualFold(word, "bearer") || strings.EqualFold(word, "basic") || strings.EqualFold(word, "digest")
}

// isJWT tells whether word looks as the beginning of a JSON Web Token, whose
// first bytes are those of `{"` in base64.
func isJWT(word string) bool { return len(word) >= 12 && strings.HasPrefix(word, "eyJ") }

// namesSecret tells whether word is the name of a secret.
func namesSecret(word string) bool {
	var flat [64]byte
	n := flatten(flat[:], word)
	if n < 3 {
		return false
	}
	for _, name := range [...]string{
		"token", "passw", "passphrase", "secret", "authorization", "cookie", "apikey", "accesskey", "privatekey",
		"credential", "jwt", "sessionid", "csrf", "xsrf", "signature",
	} {
		if bytes.Contains(flat[:n], []byte(name)) {
			return true
		}
	}
	for _, name := range [...]string{"sid", "auth", "pass", "pwd", "pin", "otp", "key", "session", "authdata"} {
		if string(flat[:n]) == name || bytes.HasSuffix(flat[:n], []byte(name)) && endsApart(word, name) {
			return true
		}
	}
	return false
}

// flatten writes the letters and digits of word to dst, in lower case, and
// returns how many there are; 0 if they are too many for a name.
func flatten(dst []byte, word string) (n int) {
	for i := range len(word) {
		c := word[i]
		switch {
		case c == '-' || c == '_' || c == '.':
			continue
		case n == len(dst):
			return 0
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		}
		dst[n] = c
		n++
	}
	return n
}

// endsApart tells whether name is a word of its own at the end of word, as in
// "connect.sid" or "userPin".
func endsApart(word, name string) bool {
	at := len(word) - len(name)
	if at <= 0 {
		return at == 0
	}
	return !isLetter(word[at-1]) || word[at] >= 'A' && word[at] <= 'Z'
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

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
