package nginx

import (
	"cmp"
	"slices"
	"strings"
)

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
