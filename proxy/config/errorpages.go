package config

import "strconv"

// ErrorPages are what usher's own answers hold in place of a line of text, by
// their status.
type ErrorPages map[int]ErrorPage

// ErrorPage is one of them.
type ErrorPage struct {
	File string   // relative to the folder of the routes file
	At   Position // where it stands
}

// errorPages returns base, or what v sets in place of it.
func (l *loader) errorPages(v value, base ErrorPages) ErrorPages {
	if !v.given() {
		return base
	}
	set := make(ErrorPages)
	for _, p := range l.numbered(v) {
		status, err := strconv.Atoi(p.key.text)
		if err != nil || status < 400 || status > 599 {
			l.errorf(p.key.Position, "error_pages are by status, from 400 to 599, not %s", p.key)
			continue
		}
		p.value.name = "page of " + p.key.text
		if w, ok := l.text(p.value); ok {
			set[status] = ErrorPage{w.text, w.Position}
		}
	}
	return set
}
