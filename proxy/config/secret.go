package config

// leastSecret is how many bytes a secret has at least: what is shorter can be
// found by trying.
const leastSecret = 16

// secret reads the value of the key name, which proves something, has so many
// bytes at least and is never shown. broken names the rule that a text breaks, ""
// if none; nil has no rules.
func (l *loader) secret(v value, name string, least int, broken func(text string) string) string {
	w, ok := l.text(v)
	if !ok {
		return ""
	}
	rule := ""
	if broken != nil {
		rule = broken(w.text)
	}
	switch {
	case len(w.text) < least:
		l.errorf(w.Position, "%s must have %d bytes at least: it could be found by trying", name, least)
	case rule != "":
		l.errorf(w.Position, "%s must be %s", name, rule)
	case w.inFile():
		l.warnf(w.Position, "%s is written out in a file that everybody may read: use ${NAME}, or take the permission away", name)
	}
	return w.text
}
