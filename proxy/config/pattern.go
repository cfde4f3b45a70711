package config

import (
	"regexp"
	"strings"
)

// foreignPath says what is wrong with a path in the notation of another program,
// and which paths would do the same; "" if it is in none. What is suggested takes
// no more than was meant, but for what lies below it.
func (w word) foreignPath() string {
	p := strings.TrimSpace(w.text)
	if p == "" {
		return ""
	}
	if rule := w.traefik(); rule != "" {
		return rule
	}
	for prefix, exactly := range map[string]string{"= ": ", and exact: true", "^~ ": "", "path_beg ": "", "path_dir ": "", "path ": ", and exact: true"} {
		if rest, ok := strings.CutPrefix(p, prefix); ok && isPlainPath(strings.TrimSpace(rest)) {
			return " is the notation of another program" + w.instead(strings.TrimSpace(rest)) + w.unlessSecret(exactly)
		}
	}
	expression := strings.TrimLeft(strings.TrimLeft(p, "~"), "* ")
	switch {
	case p[:1] == "~", p[:1] == "^":
		return w.ofExpression(expression)
	case strings.Contains(p, "/{"), strings.Contains(p, "/:"), strings.Contains(p, "/["):
		return w.ofWildcards(p)
	case strings.ContainsAny(p, `\|[]^`), strings.Contains(p, ".*"), strings.Contains(p, ".+"), strings.Contains(p, "(?"):
		return w.ofExpression(p)
	case strings.ContainsAny(p, "*{}"):
		return w.ofWildcards(p)
	}
	return ""
}

func isPlainPath(p string) bool {
	normal, err := NormalPath(p)
	return err == nil && trimSlash(normal) == trimSlash(p) && !strings.ContainsAny(p, "*(:$")
}

var traefikRule = regexp.MustCompile("\\b(Host|HostSNI|HostRegexp|Path|PathPrefix|PathRegexp|Headers?|Query|Method|ClientIP)\\(([`'\"][^)]*)\\)")

// traefik knows rules such as "Host(`a.example.com`) && PathPrefix(`/b`)", in a
// path and in a host.
func (w word) traefik() string {
	var hosts, rest []string
	for _, m := range traefikRule.FindAllStringSubmatch(w.text, -1) {
		value := strings.Trim(m[2], "`'\" ")
		switch {
		case m[1] == "Host" && isHost(value):
			hosts = append(hosts, value)
		case m[1] == "PathPrefix" && isPlainPath(value):
			rest = append(rest, "path: "+trimSlash(value))
		case m[1] == "Path" && isPlainPath(value):
			rest = append(rest, "path: "+trimSlash(value), "exact: true")
		default:
			return " is a rule of Traefik, of which there is only host and path here"
		}
	}
	switch len(hosts) {
	case 0:
	case 1:
		rest = append([]string{"host: " + hosts[0]}, rest...)
	default:
		rest = append([]string{"host: [" + strings.Join(hosts, ", ") + "]"}, rest...)
	}
	if len(rest) == 0 {
		return ""
	}
	return " is a rule of Traefik" + w.unlessSecret(": write "+strings.Join(rest, ", "))
}

func (w word) unlessSecret(hint string) string {
	if w.secret {
		return ""
	}
	return hint
}

// below is for a pattern that a path without one does as well.
const below = " looks like a pattern: a path takes what lies below it without one"

// ofExpression is for nginx's locations and their like.
func (w word) ofExpression(expression string) string {
	paths, exact := alternatives(expression)
	exactly := ""
	if exact {
		exactly = ", and exact: true"
	}
	switch len(paths) {
	case 0:
		return " is a regular expression, which is not supported: write a route for each path that is meant"
	case 1:
		return below + w.instead(paths[0]) + w.unlessSecret(exactly)
	}
	return " is a regular expression, which is not supported" + w.unlessSecret(": write a route for each of "+list(paths, "and")+exactly)
}

var wildcard = regexp.MustCompile(`\*+\w*|\{[^}]*\}|/:\w+|/\[[^\]]*\]`)

// ofWildcards is for /a/*, /a/:id, /a/{id} and /a/[id].
func (w word) ofWildcards(p string) string {
	p = "/" + strings.TrimLeft(p, "/")
	at := wildcard.FindStringIndex(p)
	if at == nil {
		return " has a brace that no path may have"
	}
	before, behind := p[:at[0]], wildcard.ReplaceAllString(p[at[1]:], "")
	all := strings.Contains(p[at[0]:at[1]], "*") || strings.Contains(p[at[0]:at[1]], "...")
	whole := trimSlash(before)
	if whole == "" {
		whole = "/"
	}
	boundary := strings.HasSuffix(before, "/") || p[at[0]] == '/'
	if strings.Trim(behind, "/") == "" && isPlainPath(whole) && (all || boundary && whole != "/") {
		return below + w.instead(whole)
	}
	named := wildcard.ReplaceAllStringFunc(p, func(s string) string { return s[:len(s)-len(strings.TrimPrefix(s, "/"))] + "NAME" })
	return " has a wildcard inside, which is not supported: write a route for each path that is meant" + w.unlessSecret(", such as "+list([]string{named}, ""))
}
