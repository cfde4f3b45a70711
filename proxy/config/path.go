package config

import (
	"errors"
	"fmt"
	"strings"
)

// NormalPath returns the one form of an escaped path that usher matches and
// forwards: no dot segments, no doubled slashes, escapes in upper case and only
// where the character cannot stand for itself. Every other escape stays as it
// was sent: to a server "%40" may mean something else than "@".
//
// A path that servers are known to read in different ways has no normal form
// and is an error: one server's "/a" would be another's "/b".
//
// A path in normal form is returned as it is, without an allocation.
func NormalPath(raw string) (string, error) {
	switch {
	case raw == "":
		return "/", nil // RFC 3986, 6.2.3
	case raw[0] != '/':
		return "", errors.New("path does not begin with a slash")
	case isNormal(raw):
		return raw, nil
	}
	escaped, err := normalEscapes(raw)
	if err != nil {
		return "", err
	}
	return normalSegments(escaped)
}

// isNormal is the fast half of NormalPath. It may say no to a path in normal
// form, never yes to another.
func isNormal(p string) bool {
	segment := 0 // where the current one begins
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '/':
			if i > 0 && !isPlainSegment(p[segment:i]) {
				return false
			}
			segment = i + 1
		case c == '%':
			d, ok := unescape(p[i:])
			if !ok || isForbidden(d) || isUnreserved(d) || d == ';' || isLower(p[i+1]) || isLower(p[i+2]) {
				return false
			}
			i += 2
		case c == ';' || !isPathByte(c):
			return false
		}
	}
	last := p[segment:]
	return last == "" || isPlainSegment(last)
}

func isPlainSegment(s string) bool { return s != "" && s != "." && s != ".." }

// normalEscapes settles how each byte of a path is written.
func normalEscapes(raw string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		c, escaped := raw[i], false
		if c == '%' {
			d, ok := unescape(raw[i:])
			if !ok {
				return "", fmt.Errorf("path has a %% without two hexadecimal digits behind it")
			}
			c, escaped = d, true
			i += 2
		}
		switch {
		case escaped && c == '/':
			return "", errors.New("path has an encoded slash")
		case c == '\\':
			return "", errors.New("path has a backslash")
		case c < ' ' || c == 0x7f:
			return "", fmt.Errorf("path has the control character %#02x", c)
		case !escaped && (c == '?' || c == '#'):
			return "", fmt.Errorf("path has a %q", c)
		case isUnreserved(c) || !escaped && (c == '/' || isPathByte(c)):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String(), nil
}

// normalSegments removes doubled slashes and dot segments. A slash at the end
// stays: servers tell "/a" and "/a/" apart.
func normalSegments(p string) (string, error) {
	segments := strings.Split(p[1:], "/")
	kept := make([]string, 0, len(segments))
	for _, s := range segments {
		switch name, parameters := cutParameters(s); {
		case parameters && !isPlainSegment(name):
			return "", fmt.Errorf("path has parameters on the segment %q", name)
		case s == "..":
			if len(kept) == 0 {
				return "", errors.New("path climbs above its root")
			}
			kept = kept[:len(kept)-1]
		case s != "" && s != ".":
			kept = append(kept, s)
		}
	}
	normal := "/" + strings.Join(kept, "/")
	if last := segments[len(segments)-1]; !isPlainSegment(last) && normal != "/" {
		normal += "/"
	}
	return normal, nil
}

// cutParameters cuts a segment at its first ";", which begins parameters for
// some servers and is a letter like any other for the rest.
func cutParameters(segment string) (name string, found bool) {
	name, _, found = strings.Cut(segment, ";")
	if before, _, ok := strings.Cut(name, "%3B"); ok {
		return before, true
	}
	return name, found
}

// unescape returns the byte that an escape at the beginning of s stands for.
func unescape(s string) (byte, bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	high, low := strings.IndexByte(hex, upper(s[1])), strings.IndexByte(hex, upper(s[2]))
	return byte(high<<4 | low), high >= 0 && low >= 0
}

const hex = "0123456789ABCDEF"

func upper(c byte) byte {
	if isLower(c) {
		return c - 'a' + 'A'
	}
	return c
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

// isForbidden: bytes that even their escape does not make safe.
func isForbidden(c byte) bool { return c < ' ' || c == 0x7f || c == '/' || c == '\\' }

// isUnreserved: RFC 3986, 2.3. Such a byte and its escape are always the same.
func isUnreserved(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '-' || c == '.' || c == '_' || c == '~'
}

// isPathByte: what may stand for itself within a segment (pchar in RFC 3986, 3.3).
func isPathByte(c byte) bool {
	if isUnreserved(c) {
		return true
	}
	switch c {
	case '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '=', ':', '@':
		return true
	}
	return false
}
