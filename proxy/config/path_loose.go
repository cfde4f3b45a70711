package config

import (
	"errors"
	"strings"
)

// LoosePath returns a path in normal form as the most lenient server reads it:
// without parameters, with "@" for "%40", with what is escaped twice read as what
// that stands for, and with characters of ASCII for the overlong forms of UTF-8
// that stand for them in old decoders (RFC 3629, 10). A request that this reading
// would send elsewhere is ambiguous; and a path is an error that has dot segments
// then, as each server may find others in it. Nearly every path is its own loose
// reading.
func LoosePath(normal string) (string, error) {
	if isLoose(normal) {
		return normal, nil
	}
	return looseSegments(unescapeReserved(unescapeTwice(normal)))
}

// isLoose spares nearly every path the work of LoosePath.
func isLoose(normal string) bool {
	for i := range len(normal) {
		switch normal[i] {
		case ';':
			return false
		case '%':
			if _, n := looseEscape(normal[i:]); n > 0 || isTwice(normal[i:]) {
				return false
			}
		}
	}
	return true
}

// isTwice reports whether an escape that is escaped stands at the beginning of s.
func isTwice(s string) bool {
	return len(s) >= 5 && s[:3] == "%25" && isHex(s[3]) && isHex(s[4])
}

func isHex(c byte) bool { return strings.IndexByte(hex, upper(c)) >= 0 }

func unescapeTwice(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteByte(s[i])
		if isTwice(s[i:]) {
			b.WriteString(strings.ToUpper(s[i+3 : i+5]))
			i += 4
		}
	}
	return b.String()
}

func unescapeReserved(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c, n := looseEscape(s[i:])
		if n == 0 {
			c, n = s[i], 1
		}
		b.WriteByte(c)
		i += n - 1
	}
	return b.String()
}

// looseEscape returns the character within a path, or the slash, that the n
// letters of one or more escapes at the beginning of s stand for; n is 0 if they
// stand for nothing else than themselves.
func looseEscape(s string) (c byte, n int) {
	c, ok := unescape(s)
	if !ok {
		return 0, 0
	}
	n = 3
	if c >= 0xC0 {
		c, n = overlong(c, s)
	}
	switch {
	case c == '/' || c == '\\':
		return '/', n
	case isPathByte(c):
		return c, n
	}
	return 0, 0
}

// overlong returns the character of ASCII for which the escapes at the beginning
// of s, the first of which is lead, are one of the forms that are too long.
func overlong(lead byte, s string) (c byte, n int) {
	var size int
	switch lead {
	case 0xC0, 0xC1:
		size = 2
	case 0xE0:
		size = 3
	case 0xF0:
		size = 4
	}
	if size == 0 || len(s) < 3*size {
		return 0, 0
	}
	sum := int(lead & 1)
	for i := 1; i < size; i++ {
		d, ok := unescape(s[3*i:])
		if !ok || d&0xC0 != 0x80 {
			return 0, 0
		}
		sum = sum<<6 | int(d&0x3F)
	}
	if sum >= 0x80 {
		return 0, 0
	}
	return byte(sum), 3 * size
}

// looseSegments removes parameters and doubled slashes.
func looseSegments(p string) (string, error) {
	segments := strings.Split(p[1:], "/")
	kept := make([]string, 0, len(segments))
	var name string
	for _, s := range segments {
		switch name, _ = cutParameters(s); {
		case name == "." || name == "..":
			return "", errors.New("path has dot segments for some servers and none for others")
		case name != "":
			kept = append(kept, name)
		}
	}
	loose := "/" + strings.Join(kept, "/")
	if name == "" && loose != "/" {
		loose += "/"
	}
	return loose, nil
}
