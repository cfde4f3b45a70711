package upstream

import (
	"strings"

	"usher/proxy/config"
)

// partOfPath returns what of a path is hashed; "" for one that has no such part,
// or no normal form.
func partOfPath(h config.Hash, raw string) string {
	path, err := config.NormalPath(raw)
	switch {
	case err != nil:
		return ""
	case h.Regexp != nil:
		return namedGroup(h, path)
	}
	return leading(path, h.Segments)
}

// namedGroup returns what the one named group of h takes of a path.
func namedGroup(h config.Hash, path string) string {
	found := h.Regexp.FindStringSubmatch(path)
	for i, name := range h.Regexp.SubexpNames() {
		if name != "" && found != nil {
			return found[i]
		}
	}
	return ""
}

// leading returns the first n segments of a path, or all if it has no more.
func leading(path string, n int) string {
	end := 0
	for ; n > 0 && end < len(path); n-- {
		next := strings.IndexByte(path[end+1:], '/')
		if next < 0 {
			return strings.TrimSuffix(path, "/")
		}
		end += 1 + next
	}
	return path[:end]
}
