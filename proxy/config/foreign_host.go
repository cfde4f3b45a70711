package config

import "strings"

// foreignHost says what is wrong with a host in the notation of another program,
// "" if it is in none.
func (w word) foreignHost() string {
	if w.secret {
		return ""
	}
	if rule := w.traefik(); rule != "" {
		return rule
	}
	below, dotted := strings.CutPrefix(w.text, ".")
	several := strings.FieldsFunc(w.text, func(c rune) bool { return c == ' ' || c == ',' })
	switch {
	case w.text == "_":
		return " is nginx's name for any host: leave host out"
	case w.text == "default_server":
		return " is nginx's word for a server that takes any host: leave host out"
	case strings.HasPrefix(w.text, "~"), strings.ContainsAny(w.text, `\|^$(){}+`):
		return ` is a pattern, which is not supported: list the hosts, or write "*.example.com" for all below one`
	case dotted && isHost(below):
		return " is the notation of another program" + ": write [" + below + `, "*.` + below + `"]`
	case len(several) > 1 && all(several, isHost):
		return " is more than one" + ": write [" + strings.Join(several, ", ") + "]"
	}
	return ""
}

func all(names []string, is func(string) bool) bool {
	for _, n := range names {
		if !is(strings.TrimPrefix(n, "*.")) {
			return false
		}
	}
	return true
}
