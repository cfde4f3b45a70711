package nginx

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// serve makes the routes of a server.
func (im *importer) serve(s *server) {
	if s.out || s.leads {
		return
	}
	im.conditions(s)
	if !s.any && len(s.owns) == 0 {
		return // the conditions have answered for all of its hosts
	}
	whole := &route{server: s, hosts: s.hosts(), path: "/"}
	if im.answer(whole, s.scope) {
		im.add(whole, s.Directive)
		for _, l := range s.scope.own("location") {
			im.lose(l, "no request comes to it: the server answers all by itself")
		}
		return
	}
	for _, l := range s.scope.own("location") {
		im.place(s, s.scope, l)
	}
	host := ""
	if h := s.hosts(); len(h) > 0 {
		host = h[len(h)-1]
	}
	if im.claims[host+" /"] == nil {
		whole.remarks = []string{"nginx looks for a file where no location takes a request"}
		whole.answers(nothing)
		im.add(whole, s.Directive)
	}
}

// kindOf returns the modifier of a location, and its path, name or expression.
func kindOf(d *Directive) (kind, path string) {
	if len(d.Args) > 1 {
		return d.arg(0), d.arg(1)
	}
	for _, kind := range []string{"=", "^~", "~*", "~", "@"} {
		if path, ok := strings.CutPrefix(d.arg(0), kind); ok {
			return kind, path
		}
	}
	return "", d.arg(0)
}

// place makes the route of a location, and those of the locations in it.
func (im *importer) place(s *server, outer *scope, d *Directive) {
	in := outer.in(d)
	kind, where := kindOf(d)
	switch kind {
	case "@":
		return // for who tries it
	case "~", "~*":
		im.pattern(s, in, where)
		return
	}
	d.told = true
	for _, inner := range in.own("location") {
		im.place(s, in, inner)
	}
	path, err := normal(where)
	if err != nil {
		im.lose(d, "%v", err)
		return
	}
	r := &route{server: s, from: []*Directive{d}, hosts: s.hosts(), path: path, exact: kind == "="}
	im.fill(r, in, where)
	im.add(r, d)
}

// handlers answer requests by what is neither HTTP nor a file.
var handlers = []string{"fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass", "content_by_lua_block", "content_by_lua_file", "js_content", "perl", "dav_methods", "stub_status", "flv", "mp4", "empty_gif"}

// fill says where the requests of a location go.
func (im *importer) fill(r *route, in *scope, path string) {
	if to := in.tried(); to != nil {
		r.from = append(r.from, to)
		to.told = true
		for _, t := range in.own("try_files") {
			im.remark(t, "usher serves no files: all requests go to %s", to.arg(0))
		}
		in = in.outer.in(to)
	}
	pass := in.own("proxy_pass")
	switch {
	case len(in.own("internal")) > 0:
		im.lose(in.Directive, "it is for requests of nginx's own")
		r.answers(nothing)
	case im.answer(r, in):
	case len(pass) > 0:
		im.pass(r, in, path, pass[len(pass)-1])
	case len(in.own(handlers...)) > 0:
		r.answers(unserved)
	default:
		r.remarks = append(r.remarks, "nginx serves files here")
		r.answers(nothing)
	}
	if r.to == nil && r.server.gate != nil {
		r.answers("respond: {status: 403}")
	}
}

// tried returns the location that takes what is no file.
func (s *scope) tried() *Directive {
	for _, t := range s.own("try_files") {
		last := t.arg(len(t.Args) - 1)
		for _, l := range s.outer.own("location") {
			if strings.HasPrefix(last, "@") && l.arg(0) == last {
				return l
			}
		}
	}
	return nil
}

// guards are what keeps requests away.
var guards = append([]string{"allow", "deny", "limit_except"}, logins...)

// pattern tells of a location with an expression. One that keeps somebody away
// is closed for all below the path that the expression begins with.
func (im *importer) pattern(s *server, in *scope, expression string) {
	begin := literal(expression)
	guarded := slices.ContainsFunc(in.own(guards...), func(d *Directive) bool { return d.arg(0) != "off" && !(d.Name == "allow" && d.arg(0) == "all") })
	if guarded && begin != "/" {
		r := &route{server: s, from: []*Directive{in.Directive}, hosts: s.hosts(), path: begin}
		r.answers("respond: {status: 403}")
		im.lose(in.Directive, "paths are no expressions here; as it keeps requests away, all of %s is closed", begin)
		im.add(r, in.Directive)
		return
	}
	if guarded || len(the(in.list, "return")) > 0 {
		im.lose(in.Directive, "paths are no expressions here; TAKE CARE: it kept requests away, which come to the other locations now")
		return
	}
	im.lose(in.Directive, "paths are no expressions here; its requests come to the other locations")
}

// literal returns the path, of whole segments, that all paths begin with which an
// expression takes; "/" if there is none.
func literal(expression string) string {
	r, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return "/"
	}
	r = r.Simplify()
	if r.Op != syntax.OpConcat || len(r.Sub) < 2 || r.Sub[0].Op != syntax.OpBeginText && r.Sub[0].Op != syntax.OpBeginLine || r.Sub[1].Op != syntax.OpLiteral {
		return "/"
	}
	text := string(r.Sub[1].Rune)
	if len(r.Sub) > 2 && r.Sub[2].Op != syntax.OpEndText && r.Sub[2].Op != syntax.OpEndLine {
		if i := strings.LastIndexByte(text, '/'); !strings.HasPrefix(expression, "^"+text) || i != len(text)-1 {
			text = text[:max(i, 0)]
		}
	}
	path, err := normal(text)
	if err != nil || !strings.HasPrefix(path, "/") {
		return "/"
	}
	return path
}
