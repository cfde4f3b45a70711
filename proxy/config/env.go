package config

import "strings"

// expand puts the environment's values in the place of ${NAME} and ${NAME:-default}. That happens
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
		inside, after, closed := strings.Cut(behind, "}")
		name, other, has := strings.Cut(inside, ":-")
		held, set := l.variable(w, name, other, has, closed)
		b.WriteString(before + held.text)
		ok, rest = ok && set, after
		w.secret, w.written = true, w.written || held.written
	}
	w.text = b.String()
	return w, ok
}

// held is what stands in the place of a variable.
type held struct {
	text    string
	written bool // it is the default that stands in the file
}

// variable returns what the environment has by that name, or other, as a shell does
// it: where it is not set, or empty.
func (l *loader) variable(w word, name, other string, has, closed bool) (held, bool) {
	switch {
	case !closed:
		l.errorf(w.Position, `%s has a "${" without "}": a literal "${" is written "$${"`, w.name)
	case !isVariable(name):
		shown, how := otherForm(name)
		l.errorf(w.Position, `%s: %q is no name of an environment variable%s: a literal "${" is written "$${"`, w.name, shown, how)
	case strings.Contains(other, "${"):
		l.errorf(w.Position, `%s: the default of %s has a "${": it is plain text, and no other variable`, w.name, name)
	default:
		text, ok := l.env(name)
		if has && text == "" {
			return held{other, other != ""}, true
		}
		if instead := variables[name]; !ok && instead != "" {
			l.errorf(w.Position, "%s: the environment variable %s is not set, and what nginx has by that name is nothing here: %s", w.name, name, instead)
		} else if !ok {
			l.errorf(w.Position, "%s: the environment variable %s is not set", w.name, name)
		}
		return held{text: text}, ok
	}
	return held{}, false
}

// otherForm tells what may be shown of what should be a name: behind one may stand
// what a shell has for defaults, and that may be a secret. how says how it is
// written here, "" if there is nothing like it.
func otherForm(name string) (shown, how string) {
	at := strings.IndexAny(name, ":-=?+")
	if at < 0 || !isVariable(name[:at]) {
		return name, ""
	}
	return name[:at+1] + "...", ", and a default is written ${" + name[:at] + ":-...}"
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
