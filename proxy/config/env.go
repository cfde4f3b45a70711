package config

import "strings"

// expand puts the environment's values in the place of ${NAME}. That happens
// in the finished tree: whatever a variable holds, it stays one word.
func (l *loader) expand(w word) (word, bool) {
	if name, ok := strings.CutPrefix(w.text, "$"); ok && isVariable(name) && name == strings.ToUpper(name) {
		// Who means these very letters has them in a variable.
		l.errorf(w.Position, "%s is the text %s, and nothing from the environment%s", w.name, w, w.instead("${"+name+"}"))
		return w, false
	}
	if name, instead := nginxVariable(w.text); name != "" {
		if !strings.HasPrefix(w.name, "header ") {
			instead = asText
		}
		l.errorf(w.Position, "%s has %q, which is nginx's and nothing here: %s", w.name, name, instead)
		return w, false
	}
	if !strings.Contains(w.text, "${") {
		return w, true
	}
	var b strings.Builder
	ok, rest := true, w.text
	for {
		before, behind, found := strings.Cut(rest, "${")
		if !found {
			b.WriteString(rest)
			break
		}
		if literal, escaped := strings.CutSuffix(before, "$"); escaped {
			b.WriteString(literal + "${")
			rest = behind
			continue
		}
		name, after, closed := strings.Cut(behind, "}")
		held, set := l.variable(w, name, closed)
		b.WriteString(before + held)
		ok, rest = ok && set, after
		w.secret = true
	}
	w.text = b.String()
	return w, ok
}

func (l *loader) variable(w word, name string, closed bool) (string, bool) {
	switch {
	case !closed:
		l.errorf(w.Position, `%s has a "${" without "}": a literal "${" is written "$${"`, w.name)
	case !isVariable(name):
		l.errorf(w.Position, `%s: %q is no name of an environment variable: a literal "${" is written "$${"`, w.name, name)
	default:
		held, ok := l.env(name)
		if instead := variables[name]; !ok && instead != "" {
			l.errorf(w.Position, "%s: the environment variable %s is not set, and what nginx has by that name is nothing here: %s", w.name, name, instead)
		} else if !ok {
			l.errorf(w.Position, "%s: the environment variable %s is not set", w.name, name)
		}
		return held, ok
	}
	return "", false
}

func isVariable(name string) bool {
	for i, c := range []byte(name) {
		if c != '_' && !isLetter(c) && (i == 0 || !isDigit(c)) {
			return false
		}
	}
	return name != ""
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
