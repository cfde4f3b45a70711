package config

import "strings"

// cutPattern knows the patterns of other programs: /a/*, ^/a/.*$, ~ ^/a, /a/:id
// and /a/{id}. plain is the path above the first segment that is one.
func cutPattern(p string) (plain string, pattern bool) {
	bare := strings.TrimLeft(p, "~*^ ")
	at := strings.IndexAny(bare, `*{}|\^`)
	if i := strings.Index(bare, "/:"); i >= 0 && (at < 0 || i < at) {
		at = i + 1
	}
	if at < 0 {
		return trimSlash("/" + strings.TrimLeft(bare, "/")), bare != p
	}
	bare = bare[:at]
	if i := strings.IndexByte(bare, '('); i >= 0 {
		bare = bare[:i]
	}
	return trimSlash("/" + strings.Trim(bare[:strings.LastIndexByte(bare, '/')+1], "/")), true
}
