package config

import (
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"usher/proxy/redact"
)

// word is a value that is no list and no mapping.
type word struct {
	Position
	name   string // what errors call it
	tag    string // its YAML type
	text   string // with the environment's values in place
	shown  string // as it stands in the file
	secret bool   // text holds something from the environment, or in place of that

	written bool // what it holds in place of that is a default of the file
}

// String returns the word for an error: quoted, as it stands in the file. What
// the environment holds may be a secret and is never shown.
func (w word) String() string {
	const longest = 80
	shown := withoutSecrets(fallbacks.ReplaceAllString(w.shown, "${1}..."))
	if r := []rune(shown); len(r) > longest {
		shown = string(r[:longest]) + "..."
	}
	return strconv.Quote(shown)
}

// fallbacks finds the defaults of variables, which may be secrets as their values.
var fallbacks = regexp.MustCompile(`(\$\{[A-Za-z_][A-Za-z0-9_]*:?[-=?+])[^}]*`)

// withoutSecrets hides a password or a token in a URL. HOST:PORT has none, and
// its host may be named "auth".
func withoutSecrets(s string) string {
	if !strings.Contains(s, "://") && !strings.ContainsAny(s, "=%") {
		return s
	}
	return redact.Text(s, false)
}

// inFile tells whether w, which is a secret, stands in the file for all to read.
func (w word) inFile() bool { return !w.secret || w.written }

// instead returns ": write X" for an error, unless X tells a secret.
func (w word) instead(x string) string {
	if w.secret || withoutSecrets(x) != x {
		return ""
	}
	return ": write " + strconv.Quote(x)
}

// word reads a value of any scalar type.
func (l *loader) word(v value) (word, bool) {
	if !v.given() {
		return word{}, false
	}
	w := word{Position: v.Position, name: v.name, tag: v.node.ShortTag(), text: v.node.Value, shown: v.node.Value}
	if v.node.Kind != yaml.ScalarNode {
		l.errorf(v.Position, "%s must be one value, not %s", v.name, kind(w.tag))
		return w, false
	}
	if w.tag == "!!null" {
		l.errorf(v.Position, "%s has no value", v.name)
		return w, false
	}
	return l.expand(w)
}

// text reads a value that must be text.
func (l *loader) text(v value) (word, bool) {
	if !v.given() || !l.want(v, "!!str") {
		return word{}, false
	}
	w, ok := l.word(v)
	if ok && w.text == "" {
		l.errorf(w.Position, "%s is empty", w.name)
		return w, false
	}
	return w, ok
}

// scalar reads a value that must be text, or a number that its reader explains:
// 8080 in quotes would be no better an address.
func (l *loader) scalar(v value) (word, bool) {
	if v.given() && v.node.ShortTag() == "!!int" {
		return l.word(v)
	}
	return l.text(v)
}

// bool reads true or false into b.
func (l *loader) bool(v value, b *bool) {
	w, ok := l.word(v)
	if !ok {
		return
	}
	switch {
	case w.tag == "!!str" && !w.secret && (w.text == "true" || w.text == "false"):
		l.errorf(w.Position, "%s must be true or false, without quotes", w.name)
	case w.tag != "!!bool" && !w.secret:
		l.errorf(w.Position, "%s must be true or false, not %s", w.name, w)
	case w.text == "true":
		*b = true
	case w.text == "false":
		*b = false
	default:
		l.errorf(w.Position, "%s must be true or false, in lower case, not %s", w.name, w)
	}
}

// choice reads one of the names in list into s.
func choice[S ~string](l *loader, v value, s *S, list ...S) {
	w, ok := l.text(v)
	if !ok {
		return
	}
	names := make([]string, len(list))
	for i, one := range list {
		if w.text == string(one) {
			*s = one
			return
		}
		names[i] = string(one)
	}
	l.errorf(w.Position, "%s must be %s, not %s", w.name, enumerate(names), w)
}
