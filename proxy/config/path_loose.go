package config

import "strings"

// LoosePath returns a path in normal form as the most lenient server reads it:
// without parameters, and with "@" for "%40". A request that this reading would
// send elsewhere is ambiguous. Nearly every path is its own loose reading.
func LoosePath(normal string) string {
	if isLoose(normal) {
		return normal
	}
	segments := strings.Split(normal, "/")
	for i, s := range segments {
		name, _ := cutParameters(s)
		segments[i] = unescapeReserved(name)
	}
	return strings.Join(segments, "/")
}

// isLoose spares nearly every path the work of LoosePath.
func isLoose(normal string) bool {
	for i := range len(normal) {
		switch normal[i] {
		case ';':
			return false
		case '%':
			if d, ok := unescape(normal[i:]); ok && isPathByte(d) {
				return false
			}
		}
	}
	return true
}

func unescapeReserved(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if d, ok := unescape(s[i:]); ok && isPathByte(d) {
			c = d
			i += 2
		}
		b.WriteByte(c)
	}
	return b.String()
}
