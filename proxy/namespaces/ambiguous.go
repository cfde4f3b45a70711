package namespaces

import (
	"strings"
	"unicode"
)

// ambiguous tells whether servers of revision 3, which read the name of a namespace
// as a URL, may take it for another one's: what follows two slashes is a host there.
func ambiguous(name string) bool {
	return strings.HasPrefix(name, "//") || strings.IndexFunc(name, func(c rune) bool {
		return c == '#' || c == '\\' || c == '\uFEFF' || unicode.IsSpace(c)
	}) >= 0
}
