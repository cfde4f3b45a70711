package http1

// IsToken reports whether s is a token (RFC 9110, 5.6.2), as the name of a
// header is.
func IsToken(s string) bool { return s != "" && all(s, token) }

// IsTokenByte reports whether b may stand in a token.
func IsTokenByte(b byte) bool { return class[b]&token != 0 }

// IsValue reports whether s may be a header's value (RFC 9110, 5.5): no control
// character but the tab.
func IsValue(s string) bool { return all(s, value) }

func all(s string, of uint8) bool {
	for i := range len(s) {
		if class[s[i]]&of == 0 {
			return false
		}
	}
	return true
}
