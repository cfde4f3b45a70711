package nginx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// lead is where a redirect leads, as routes have it.
type lead struct {
	code string
	url  string
}

// wholes are the expressions that take every path, with what $1 is of it.
var wholes = map[string]string{
	"^": "", ".*": "", "^.*$": "", "^.*": "", "^/": "", "^(.*)$": "$1", "^(.*)": "$1", "(.*)": "$1",
	"^/(.*)$": "/$1", "^/(.*)": "/$1", "^/?(.*)$": "/$1", "/(.*)": "/$1", "^(/.*)$": "$1",
}

// target returns where a return or rewrite leads; ok is false if it is no
// redirect that usher can do.
func target(in *scope, d *Directive) (to lead, ok bool) {
	switch {
	case d.Name == "return" && len(d.Args) == 1 && strings.Contains(d.arg(0), ":"):
		to.code, to.url = "302", d.arg(0)
	case d.Name == "return" && len(d.Args) == 2:
		to.code, to.url = d.arg(0), d.arg(1)
	case d.Name == "rewrite" && len(d.Args) >= 2:
		code, known := map[string]string{"permanent": "301", "redirect": "302"}[d.arg(2)]
		absolute := strings.HasPrefix(d.arg(1), "http") || strings.HasPrefix(d.arg(1), "$scheme")
		group, whole := wholes[d.arg(0)]
		if !whole || !known && !absolute {
			return to, false
		}
		if to.code, to.url = "302", strings.TrimSuffix(d.arg(1), "?"); known {
			to.code = code
		}
		if group != "" && strings.HasSuffix(to.url, group) {
			to.url = strings.TrimSuffix(to.url, group) + "$request_uri"
		}
		if url, ok := strings.CutSuffix(to.url, "$uri"); ok {
			to.url = url + "$request_uri"
		}
	}
	if !slices.Contains([]string{"301", "302", "303", "307", "308"}, to.code) {
		return to, false
	}
	to.url, ok = in.text(to.url)
	return to, ok
}

// text puts what usher has in the place of nginx's variables; ok is false if one
// is left.
func (s *scope) text(t string) (string, bool) {
	if strings.ContainsAny(strings.ReplaceAll(t, "${", ""), "{") {
		return t, false
	}
	t = s.expand(t)
	name := ""
	for _, d := range s.all("server_name") {
		name = d.arg(0)
	}
	t = strings.NewReplacer("$uri$is_args$args", "{uri}", "$request_uri", "{uri}", "$uri", "{path}", "$document_uri", "{path}",
		"?$args", "?{query}", "?$query_string", "?{query}", "$http_host", "{host}", "$host", "{host}", "$server_name", name, "$scheme", "{scheme}").Replace(t)
	return t, !strings.Contains(t, "$")
}

// expand puts in the values of variables that are set to one around it.
func (s *scope) expand(t string) string {
	t = unbraced(t)
	for at := s; at != nil; at = at.outer {
		for _, d := range slices.Backward(at.own("set")) {
			if s.varies(d.arg(0)) {
				continue
			}
			if name := d.arg(0); len(name) > 1 && name[0] == '$' && len(d.Args) == 2 && !strings.Contains(d.arg(1), "$") && strings.Contains(t, name) {
				if i := strings.Index(t, name) + len(name); i == len(t) || !isVariable(t[i]) {
					t, d.told = strings.ReplaceAll(t, name, d.arg(1)), true
				}
			}
		}
	}
	return t
}

// varies tells whether a condition sets a variable.
func (s *scope) varies(name string) bool {
	for ; s != nil; s = s.outer {
		for _, d := range s.own("if") {
			if slices.ContainsFunc(d.Block, func(set *Directive) bool { return set.Name == "set" && set.arg(0) == name }) {
				return true
			}
		}
	}
	return false
}

func isVariable(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// unbraced writes ${name} as $name where that is the same.
func unbraced(t string) string {
	for {
		before, behind, ok := strings.Cut(t, "${")
		name, rest, closed := strings.Cut(behind, "}")
		if !ok || !closed || rest != "" && isVariable(rest[0]) {
			return t
		}
		t = before + "$" + name + rest
	}
}

// answer makes r a route without an upstream, if the block has a return or
// a redirect.
func (im *importer) answer(r *route, in *scope) bool {
	for _, d := range in.own("return", "rewrite") {
		to, ok := target(in, d)
		code := d.arg(0)
		switch {
		case ok:
			d.told = true
			r.answers("redirect: " + q(to.url))
			r.leads = true
			r.keys = append(r.keys, "code: "+to.code)
		case d.Name == "rewrite":
			if d.arg(2) != "permanent" && d.arg(2) != "redirect" {
				continue
			}
			if r.path == "/" && !r.exact {
				continue // it leads away some of the paths only
			}
			im.lose(d, "a redirect has no groups of an expression")
			r.answers(unserved)
		default:
			im.respond(r, in, d, code)
		}
		im.answerHeaders(r, in)
		return true
	}
	return false
}

// respond is a return of a status, with a text or without.
func (im *importer) respond(r *route, in *scope, d *Directive, code string) {
	d.told = true
	status, err := strconv.Atoi(code)
	text := d.arg(1)
	switch {
	case code == "444":
		im.remark(d, "nginx closes the connection without an answer")
		r.answers(forbidden)
		r.guard.closed = true
		return
	case err != nil || status < 200 || status > 599 || 300 <= status && status < 400 || strings.Contains(text, "$"):
		im.lose(d, "usher's answers are a status from 200 to 599 and a text without variables")
		r.answers(unserved)
		r.guard.closed = status >= 400
		return
	}
	key := fmt.Sprintf("respond: {status: %d", status)
	if text != "" && status != 204 {
		key += ", body: " + q(text)
	}
	kind := in.one("default_type").arg(0)
	for _, h := range in.own("add_header") {
		if strings.EqualFold(h.arg(0), "content-type") {
			h.told = true
			kind = h.arg(1)
		}
	}
	if kind != "" && text != "" && problem("", "  - respond: {headers: {Content-Type: "+q(kind)+"}}\n") == "" {
		key += ", headers: {Content-Type: " + q(kind) + "}"
	}
	r.answers(key + "}")
	if r.gives = status < 400; !r.gives {
		r.guard.closed = true
	}
}
