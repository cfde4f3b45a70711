package nginx

import (
	"regexp"
	"strings"
)

// destination is what a proxy_pass names.
type destination struct {
	scheme  string // http or https
	name    string // host and port, a group's name, or unix: and a path
	uri     string // what stands in the place of the location's path
	hasURI  bool
	varying string // why it cannot be carried over; "" if it can
}

// reads a proxy_pass.
func (s *scope) destination(d *Directive) (to destination) {
	text := s.expand(d.arg(0))
	set := text != unbraced(d.arg(0))
	scheme, rest, ok := strings.Cut(text, "://")
	to.scheme = strings.ToLower(scheme)
	if !ok || to.scheme != "http" && to.scheme != "https" {
		to.varying = "it names no http:// or https:// address that is the same for all requests"
		return to
	}
	if path, unix := strings.CutPrefix(rest, "unix:"); unix {
		to.name, to.uri, to.hasURI = "unix:"+path, "", false
		if socket, uri, ok := strings.Cut(path, ":"); ok {
			to.name, to.uri, to.hasURI = "unix:"+socket, uri, uri != ""
		}
	} else if i := strings.IndexByte(rest, '/'); i >= 0 {
		to.name, to.uri, to.hasURI = rest[:i], rest[i:], true
	} else if to.name, ok = strings.CutSuffix(rest, "$request_uri"); !ok {
		to.name = strings.TrimSuffix(strings.TrimSuffix(rest, "$is_args$args"), "$uri")
	}
	switch {
	case strings.Contains(to.name+to.uri, "$"):
		to.varying = "its address is another one for each request"
	case set && to.hasURI:
		to.varying = "with a variable nginx asks for the same path whatever the request's is"
	case strings.ContainsAny(to.uri, "?#"):
		to.varying = "a query cannot be put in"
	}
	return to
}

// pass sends the requests of a location to an upstream.
func (im *importer) pass(r *route, in *scope, path string, d *Directive) {
	d.told = true
	to := in.destination(d)
	if to.varying != "" {
		im.lose(d, "%s", to.varying)
		r.answers(unserved)
		return
	}
	u, why := im.upstream(to, in)
	if why != "" {
		im.lose(d, "%s", why)
		r.answers(unserved)
		return
	}
	r.to = u
	im.rewritten(r, in, path, to, d)
	im.requestHeaders(r, in, to)
	im.limits(r, in)
	im.answerHeaders(r, in)
}

// rewritten carries over what becomes of the path.
func (im *importer) rewritten(r *route, in *scope, path string, to destination, d *Directive) {
	if prefix, base, rewrite := in.stripped(r.path); rewrite != nil {
		rewrite.told = true
		r.replace(prefix, base, false)
		return
	}
	if !to.hasURI {
		return
	}
	base, err := normal(to.uri)
	if err != nil {
		im.lose(d, "%v", err)
		return
	}
	if strings.HasSuffix(path, "/") != strings.HasSuffix(to.uri, "/") && !r.exact {
		im.remark(d, "nginx puts %q in the place of %q as letters, so that slashes are doubled or missing; usher changes whole segments", to.uri, path)
	}
	r.replace(r.path, base, strings.HasSuffix(path, "/") || r.exact)
}

// replace puts base in the place of a prefix of the route's path. led says that a
// page at the bare path is led to the one with a slash.
func (r *route) replace(prefix, base string, led bool) {
	if base == prefix {
		return
	}
	if prefix != "/" && (base == "/" || prefix != r.path) {
		r.keys = append(r.keys, "strip_prefix: "+q(prefix))
	}
	switch {
	case base != "/":
		r.keys = append(r.keys, "replace_prefix: "+q(base))
	case prefix == r.path && !led && !r.exact:
		r.keys = append(r.keys, "slash: false")
	}
}

var capturing = regexp.MustCompile(`^\^?(/[^()*+?\[\]\\^$|]*?)/?\??(?:\(/?\.\*\)|/\(\.\*\))\$?$`)

// stripped finds the rewrite that takes a prefix of a location's path off before
// its requests are sent on, and what it puts there.
func (s *scope) stripped(path string) (prefix, base string, d *Directive) {
	for _, d := range s.own("rewrite") {
		m := capturing.FindStringSubmatch(d.arg(0))
		flag := d.arg(2)
		if m == nil || flag != "break" {
			continue
		}
		prefix := strings.TrimSuffix(m[1], "/")
		if path != prefix && !strings.HasPrefix(path, prefix+"/") || prefix == "" {
			continue
		}
		base, ok := strings.CutSuffix(d.arg(1), "$1")
		base, err := normal("/" + strings.Trim(base, "/"))
		if ok && err == nil && !strings.Contains(base, "$") {
			return prefix, base, d
		}
	}
	return "", "", nil
}

// host is $proxy_host, which nginx sends where no other is set.
func (to destination) host() string {
	if strings.HasPrefix(to.name, "unix:") {
		return "localhost"
	}
	return strings.TrimSuffix(to.name, map[string]string{"http": ":80", "https": ":443"}[to.scheme])
}
