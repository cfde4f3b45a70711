package nginx

import (
	"slices"
	"strings"
)

// condition takes an if apart: a variable, and what is asked of it.
func condition(d *Directive) (variable, is string) {
	text := strings.TrimSpace(strings.Join(d.Args, " "))
	text = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(text, "("), ")"))
	variable, is, _ = strings.Cut(text, " ")
	if is == "=" || is == "!=" {
		is += " "
	}
	return variable, is
}

// conditions carries over the ifs of a server. One that is not closes its routes, if
// it can keep requests away.
func (im *importer) conditions(s *server) {
	for _, d := range s.scope.own("if") {
		variable, is := condition(d)
		host, isHost := strings.CutPrefix(is, "= ")
		if d.told || variable != "$host" || !isHost || !s.any && !slices.Contains(s.owns, host) {
			continue
		}
		r := &route{server: s, hosts: []string{host}, path: "/"}
		if s.gate == nil && im.answer(r, s.scope.in(d)) {
			d.told = true
			s.owns = slices.DeleteFunc(s.owns, func(n string) bool { return n == host })
			im.add(r, d)
		}
	}
	if d := im.filters(s.scope); d != nil {
		s.gate = d
	}
}

// aside is what an if may do without keeping anybody away.
var aside = []string{"set", "add_header", "expires", "access_log", "error_log", "break", "gzip", "etag", "charset", "default_type",
	"limit_rate", "limit_rate_after", "more_set_headers", "more_clear_headers", "root", "alias", "index"}

// keepsAway tells whether an if can refuse a request, or have it go elsewhere.
func (im *importer) keepsAway(outer *scope, d *Directive) bool {
	variable, is := condition(d)
	file := slices.Contains([]string{"-f", "!-f", "-d", "!-d", "-e", "!-e"}, variable)
	for _, inner := range d.Block {
		switch {
		case slices.Contains(aside, inner.Name):
		case file && (inner.Name == "rewrite" || inner.Name == "proxy_pass"):
		case inner.Name == "return" && variable == "$request_method" && is == "= OPTIONS" && strings.HasPrefix(inner.arg(0), "2"):
		case im.leadsAll(outer.in(d), inner, variable):
		default:
			return true
		}
	}
	return false
}

// leadsAll tells whether a redirect is one to https, or to a name of the server's,
// for whoever has not come there.
func (im *importer) leadsAll(in *scope, d *Directive, variable string) bool {
	to, ok := target(in, d)
	host, isURI := strings.CutSuffix(to.url, "{uri}")
	scheme, host, _ := strings.Cut(host, "://")
	if !ok || !isURI {
		return false
	}
	named := slices.ContainsFunc(im.servers, func(s *server) bool { return slices.Contains(s.names, host) })
	switch variable {
	case "$scheme", "$https", "$http_x_forwarded_proto", "$server_port":
		return scheme == "https" && (named || host == "{host}")
	case "$host", "$http_host":
		return named
	}
	return false
}
