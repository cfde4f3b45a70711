package nginx

import (
	"path"
	"slices"
	"strings"
)

// serve makes the routes of a server.
func (im *importer) serve(s *server) {
	if s.out || s.leads {
		return
	}
	im.verify(s)
	im.conditions(s)
	if !s.any && len(s.owns) == 0 {
		return // the conditions have answered for all of its hosts
	}
	whole := &route{server: s, hosts: s.hosts(), path: "/"}
	if im.answer(whole, s.scope) {
		if s.gate != nil {
			whole.answers(forbidden)
		}
		im.add(whole, s.Directive)
		for _, l := range s.scope.own("location") {
			im.lose(l, "no request comes to it: the server answers all by itself")
		}
		return
	}
	for _, l := range s.scope.own("location") {
		im.place(s, s.scope, l, false)
	}
	if im.claimed(s, "/") == nil {
		whole.remarks = []string{"nginx looks for a file where no location takes a request"}
		whole.answers(nothing)
		im.add(whole, s.Directive)
	}
	im.shield(s)
	im.letters(s)
	im.slashes(s)
}

// verify closes the routes of a server that wants certificates of clients, unless
// each listener wants them.
func (im *importer) verify(s *server) {
	d := s.scope.one("ssl_verify_client")
	if d == nil || d.arg(0) == "off" {
		return
	}
	s.scope.all("ssl_client_certificate")
	asked := !slices.ContainsFunc(im.listeners, func(l *listener) bool { return l.ca == "" && !l.leads })
	switch {
	case d.arg(0) != "on":
		im.lose(d, "client_ca asks everybody for a certificate")
	case !asked:
		im.lose(d, "the server's routes are closed: client_ca is a listener's, for all of its servers, and not all of them ask for certificates here")
		s.gate = d
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

// place makes the route of a location, and those of the locations in it. fixed says
// that no expression is asked about their requests.
func (im *importer) place(s *server, outer *scope, d *Directive, fixed bool) {
	in := outer.in(d)
	kind, where := kindOf(d)
	switch kind {
	case "@":
		return // for who tries it
	case "~", "~*":
		im.pattern(s, in, under(s, outer), kind, where)
		return
	}
	d.told = true
	fixed = fixed || kind == "^~"
	for _, inner := range in.own("location") {
		im.place(s, in, inner, fixed)
	}
	at, err := normal(where)
	if err != nil {
		im.lose(d, "%v", err)
		return
	}
	r := &route{server: s, at: d, from: []*Directive{d}, hosts: s.hosts(), path: at, exact: kind == "=", fixed: fixed}
	r.open = !r.exact && !strings.HasSuffix(where, "/") && len(in.own("stub_status")) == 0
	im.fill(r, in, where)
	im.add(r, d)
}

// under returns a path below which all paths are that come to the locations in one.
func under(s *server, outer *scope) string {
	if outer == s.scope {
		return "/"
	}
	_, where := kindOf(outer.Directive)
	if !strings.HasSuffix(where, "/") { // it takes longer names, too
		where = where[:strings.LastIndexByte(where, '/')+1]
	}
	at, err := normal(where)
	if err != nil {
		return "/"
	}
	return at
}

// handlers answer requests by what is neither HTTP nor a file.
var handlers = []string{"fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass", "content_by_lua_block", "content_by_lua_file", "js_content", "perl", "dav_methods", "stub_status", "flv", "mp4", "empty_gif"}

// fill says where the requests of a location go.
func (im *importer) fill(r *route, in *scope, where string) {
	gated := im.filters(in) != nil || r.server.gate != nil
	answered := im.answers(r, in)
	if !answered {
		r.guard = im.access(in)
		if to := in.tried(); to != nil {
			r.from = append(r.from, to)
			to.told = true
			for _, t := range in.own("try_files") {
				im.remark(t, "usher serves no files: all requests go to %s", to.arg(0))
			}
			in = in.outer.in(to)
			gated = im.filters(in) != nil || gated
			answered = im.answers(r, in)
			if !answered {
				r.guard = im.both(r.guard, im.access(in), to)
			}
		}
	}
	pass := in.own("proxy_pass")
	r.guard.closed = r.guard.closed || gated
	switch {
	case answered && (r.guard.none() || !r.gives && !r.leads):
	case answered:
		r.answers(forbidden)
	case len(pass) > 0:
		im.pass(r, in, where, pass[len(pass)-1])
	case len(in.own(handlers...)) > 0:
		r.answers(unserved)
	default:
		r.remarks = append(r.remarks, "nginx serves files here")
		r.answers(nothing)
	}
}

// answers makes r a route without an upstream, if the block is for nobody, or has an
// answer of its own.
func (im *importer) answers(r *route, in *scope) bool {
	if len(in.own("internal")) == 0 {
		return im.answer(r, in)
	}
	im.lose(in.Directive, "it is for requests of nginx's own")
	r.answers(nothing)
	r.guard.closed = true
	return true
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

// letters closes what nginx takes for a location that keeps people away only because
// it begins with the same letters: such paths come to another route here.
func (im *importer) letters(s *server) {
	for _, r := range im.routes {
		if r.server != s || !r.open || r.path == "/" || r.guard.none() {
			continue
		}
		if other := im.nearest(s, path.Dir(r.path)); other != nil && !other.guard.same(r.guard) {
			other.close("nginx keeps people away from all paths that begin with %s, such as %sx, by %s (%s), and they come to this route", r.path, r.path, r.from[0], r.from[0].place())
		}
	}
}

// slashes closes what has one path with nginx, and two here: with a slash at the end
// and without, of which nginx keeps people away from one.
func (im *importer) slashes(s *server) {
	for _, r := range im.routes {
		if r.server != s || !r.exact || r.to == nil { // a text is the same at both
			continue
		}
		if other := im.nearest(s, r.path); other != nil && !other.guard.none() && !other.guard.same(r.guard) && other.at != nil {
			r.close("it takes %s and %s/, and nginx keeps people away from one of them by %s (%s)", r.path, r.path, other.at, other.at.place())
		}
	}
}
