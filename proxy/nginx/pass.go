package nginx

import (
	"cmp"
	"regexp"
	"slices"
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

// sent are the headers that usher tells upstreams by itself, with what of nginx's
// is the same.
var sent = map[string][]string{
	"x-real-ip":         {"$remote_addr", "$realip_remote_addr", "$http_x_real_ip"},
	"x-forwarded-for":   {"$proxy_add_x_forwarded_for", "$remote_addr", "$http_x_forwarded_for"},
	"x-forwarded-proto": {"$scheme", "$http_x_forwarded_proto"},
	"x-forwarded-host":  {"$host", "$http_host", "$server_name", "$host:$server_port", "$http_x_forwarded_host"},
	"x-request-id":      {"$request_id", "$http_x_request_id"},
}

// requestHeaders carries over what upstreams are told.
func (im *importer) requestHeaders(r *route, in *scope, to destination) {
	host, kept := to.host(), false
	set, remove := []string{}, []string{}
	for _, d := range in.all("proxy_set_header") {
		name, value := strings.ToLower(d.arg(0)), unbraced(in.expand(d.arg(1)))
		header := "$http_" + strings.ReplaceAll(name, "-", "_")
		switch {
		case name == "host":
			kept = slices.Contains([]string{"$host", "$http_host", "$host:$server_port"}, value)
			if name, ok := in.text(value); ok && !kept {
				host = name
			} else if !kept && value != "$proxy_host" {
				im.lose(d, "Host is a text, or what the client has sent; here it is the address of proxy_pass")
			}
		case name == "upgrade", name == "connection", slices.Contains(sent[name], value), value == header:
		case name == "x-forwarded-proto" && (value == "https") == r.server.secure() && !strings.Contains(value, "$"):
		case value == "" && removable(d.arg(0)):
			remove = append(remove, q(d.arg(0)))
		default:
			before := len(set)
			set = im.header(d, set, q(d.arg(0))+": "+q(value), "headers: {set: {%s}}")
			if len(set) == before && removable(d.arg(0)) { // clients cannot send it to nginx's upstream
				remove = append(remove, q(d.arg(0)))
			}
		}
	}
	if !kept {
		for _, d := range in.own("proxy_pass") {
			set = im.header(d, set, "Host: "+q(host), "headers: {set: {%s}}")
		}
	}
	r.setHeaders("headers", set, nil, remove)
}

// removable tells whether a route can keep a header of clients from its upstream.
func removable(name string) bool {
	return problem("", "  - {upstream: x, headers: {remove: "+q(name)+"}}\n") == ""
}

// header adds a header's line, if it may stand there.
func (im *importer) header(d *Directive, lines []string, line, as string) []string {
	all := strings.Join(append(slices.Clone(lines), line), ", ")
	why := problem("", "  - {upstream: x, "+strings.Replace(as, "%s", all, 1)+"}\n")
	if strings.Contains(line, "$") { // nginx has no other use for it
		why = cmp.Or(why, "usher has no variables")
	}
	if why != "" {
		im.lose(d, "%s", why)
		return lines
	}
	return append(lines, line)
}

func (r *route) setHeaders(key string, set, add, remove []string) {
	var parts []string
	for _, one := range []struct {
		key         string
		lines       []string
		open, close string
	}{{"set", set, "{", "}"}, {"add", add, "{", "}"}, {"remove", remove, "[", "]"}} {
		if len(one.lines) > 0 {
			parts = append(parts, one.key+": "+one.open+strings.Join(one.lines, ", ")+one.close)
		}
	}
	if len(parts) > 0 {
		r.keys = append(r.keys, key+": {"+strings.Join(parts, ", ")+"}")
	}
}

// host is $proxy_host, which nginx sends where no other is set.
func (to destination) host() string {
	if strings.HasPrefix(to.name, "unix:") {
		return "localhost"
	}
	return strings.TrimSuffix(to.name, map[string]string{"http": ":80", "https": ":443"}[to.scheme])
}

// answerHeaders carries over what clients are told.
func (im *importer) answerHeaders(r *route, in *scope) {
	var set, add, remove []string
	hidden := make(map[string]bool)
	for _, d := range in.all("proxy_hide_header") {
		hidden[strings.ToLower(d.arg(0))] = true
	}
	for _, d := range in.all("add_header") {
		name, value := strings.ToLower(d.arg(0)), in.expand(d.arg(1))
		line := q(d.arg(0)) + ": " + q(value)
		switch {
		case name == "content-type" && r.to == nil:
		case name == "access-control-allow-origin" && r.to != nil && problem("", "  - {upstream: x, origins: "+q(value)+"}\n") == "":
			r.keys = append(r.keys, "origins: "+q(value))
			add = im.header(d, add, line, "response_headers: {add: {%s}}")
		case hidden[name]:
			set = im.header(d, set, line, "response_headers: {set: {%s}}")
			delete(hidden, name)
		default:
			add = im.header(d, add, line, "response_headers: {add: {%s}}")
		}
	}
	for _, d := range in.all("proxy_hide_header") {
		if !hidden[strings.ToLower(d.arg(0))] {
			continue
		}
		delete(hidden, strings.ToLower(d.arg(0)))
		if why := problem("", "  - {upstream: x, response_headers: {remove: "+q(d.arg(0))+"}}\n"); why != "" {
			im.lose(d, "%s", why)
			continue
		}
		remove = append(remove, q(d.arg(0)))
	}
	r.setHeaders("response_headers", set, add, remove)
}
