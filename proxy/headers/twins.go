package headers

import (
	"net/http"
	"strings"

	"usher/proxy/config"
)

// isTwin reports whether a name would be read as another by an upstream that
// maps every odd character to one, as CGI and its heirs do, or makes one of
// several, and whether that other is one that usher decides about.
// X_Forwarded_For is such a twin (CVE-2025-64484), Transfer---Encoding another.
func isTwin(name string, changes config.Headers) bool {
	return !isPlain(name) && isOurs(Meaning(name), changes)
}

// Meaning returns the name that such an upstream reads.
func Meaning(name string) string {
	if isPlain(name) {
		return name
	}
	return http.CanonicalHeaderKey(strings.Join(strings.FieldsFunc(name, odd), "-"))
}

// isPlain reports whether name is letters and digits, with one dash between two
// words: no other is read as that.
func isPlain(name string) bool {
	dash := true
	for i := range len(name) {
		if odd(rune(name[i])) {
			if name[i] != '-' || dash {
				return false
			}
			dash = true
			continue
		}
		dash = false
	}
	return !dash
}

// odd finds what stands between the words of a name.
func odd(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9')
}
