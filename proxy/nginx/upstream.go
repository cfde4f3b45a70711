package nginx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// upstream is one of the routes file.
type upstream struct {
	name string
	from *Directive // the group; nil for a plain address
	text string     // as the routes file has it
	as   string     // what it was made from
}

// upstream returns the one for a destination, or why there is none.
func (im *importer) upstream(to destination, in *scope) (*upstream, string) {
	group := im.groups[to.name]
	options := im.tls(to, in)
	if d := in.one("proxy_connect_timeout"); d != nil {
		if t, ok := duration(d.arg(0)); ok {
			options = append(options, "dial_timeout: "+t)
		}
	}
	as := to.scheme + "://" + to.name + " " + strings.Join(options, " ")
	for _, u := range im.upstreams {
		if u.as == as {
			return u, ""
		}
	}
	endpoints := []string{q(endpoint(to.scheme, to.name))}
	if group != nil {
		var more []string
		endpoints, more = im.group(to.scheme, group)
		options = append(more, options...)
	}
	u := &upstream{name: im.nameOf(to.name), from: group, as: as}
	u.text = "  " + u.name + ":\n    endpoints: [" + strings.Join(endpoints, ", ") + "]\n"
	if len(endpoints) == 1 {
		u.text = "  " + u.name + ":\n    endpoints: " + endpoints[0] + "\n"
	}
	if len(endpoints) == 1 && len(options) == 0 && !strings.HasPrefix(endpoints[0], "{") {
		u.text = "  " + u.name + ": " + endpoints[0] + "\n"
	}
	for _, o := range options {
		u.text += "    " + o + "\n"
	}
	if why := problem(u.text, "  - upstream: "+u.name+"\n"); why != "" {
		return nil, why
	}
	for _, l := range im.listeners {
		if why := loopProblem(u.text, l.address); why != "" {
			return nil, why
		}
	}
	im.upstreams = append(im.upstreams, u)
	return u, ""
}

// nameOf makes a name of usher's of an address.
func (im *importer) nameOf(address string) string {
	address = strings.TrimPrefix(address, "unix:")
	for _, host := range []string{"127.0.0.1:", "localhost:", "[::1]:"} {
		if port, ok := strings.CutPrefix(address, host); ok {
			address = "port-" + port
		}
	}
	name := strings.Map(func(c rune) rune {
		if c < 0x80 && (isVariable(byte(c)) || c == '-' || c == '.') {
			return c
		}
		return '-'
	}, address)
	if name = strings.Trim(name, "-_."); name == "" {
		name = "main"
	}
	name = name[:min(len(name), 50)]
	if word.MatchString(name) || strings.Trim(name[:1], "0123456789") == "" {
		name = "at-" + name
	}
	taken := func(n string) bool {
		return slices.ContainsFunc(im.upstreams, func(u *upstream) bool { return u.name == n })
	}
	unique := name
	for i := 2; taken(unique); i++ {
		unique = name + "-" + strconv.Itoa(i)
	}
	return unique
}

// endpoint is an address of nginx's as the routes file has it.
func endpoint(scheme, address string) string {
	if strings.HasPrefix(address, "unix:") {
		return address
	}
	return scheme + "://" + address
}

// group returns the endpoints and options of an upstream block.
func (im *importer) group(scheme string, d *Directive) (endpoints, options []string) {
	d.told = true
	var backups []string
	for _, s := range the(d.Block, "server") {
		s.told = true
		e, backup, down := im.member(scheme, s)
		switch {
		case down:
			im.remark(s, "it is down, and left out")
		case backup:
			im.lose(s, "usher has no backups: it would get its share like the others")
			backups = append(backups, e)
		default:
			endpoints = append(endpoints, e)
		}
	}
	if len(endpoints) == 0 {
		endpoints = backups
	}
	for _, m := range d.Block {
		if option := im.method(m); option != "" {
			m.told = true
			options = append(options, option)
		}
	}
	return slices.Compact(endpoints), options
}

// member returns an endpoint.
func (im *importer) member(scheme string, s *Directive) (e string, backup, down bool) {
	e = q(endpoint(scheme, s.arg(0)))
	var more strings.Builder
	for _, option := range s.Args[min(1, len(s.Args)):] {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "weight":
			if n, err := strconv.ParseUint(value, 10, 31); err != nil || n == 0 {
				im.lose(s, "weight: it is no number")
			} else if n != 1 {
				fmt.Fprintf(&more, ", weight: %d", n)
			}
		case "max_conns":
			if n, err := strconv.ParseUint(value, 10, 31); err != nil {
				im.lose(s, "max_conns: it is no number")
			} else if n != 0 {
				fmt.Fprintf(&more, ", max_sessions: %d", n)
				im.remark(s, "max_sessions counts sockets, max_conns all requests")
			}
		case "backup":
			backup = true
		case "down":
			down = true
		case "resolve", "service", "route":
		case "max_fails", "fail_timeout", "slow_start":
			im.lose(s, "%s: usher passes over an endpoint that cannot be reached, for 250 ms and then longer; check: {...} looks by itself", name)
		default:
			im.lose(s, "%s: usher has nothing that does the same", name)
		}
	}
	if more.Len() > 0 {
		e = "{url: " + e + more.String() + "}"
	}
	return e, backup, down
}

// method returns what chooses among endpoints; "" if d does not.
func (im *importer) method(d *Directive) string {
	switch d.Name {
	case "least_conn":
		return "balance: least_sessions"
	case "ip_hash":
		im.remark(d, "nginx takes the first three bytes of an IPv4 address, usher all")
		return "balance: {hash: {ip: true}}"
	case "random":
		return "balance: random2"
	case "hash":
		by := im.hashed(unbraced(d.arg(0)))
		if by == "" {
			im.lose(d, "usher hashes a header, cookie, query, path or the address")
			return ""
		}
		return "balance: {hash: " + by + "}"
	case "sticky":
		return im.sticky(d)
	}
	return ""
}

func (im *importer) hashed(key string) string {
	for prefix, by := range map[string]string{"$cookie_": "cookie", "$arg_": "query", "$http_": "header"} {
		if name, ok := strings.CutPrefix(key, prefix); ok && name != "" && !strings.Contains(name, "$") {
			if by == "header" {
				name = strings.ReplaceAll(name, "_", "-")
			}
			return "{" + by + ": " + q(name) + "}"
		}
	}
	switch key {
	case "$remote_addr", "$binary_remote_addr", "$realip_remote_addr", "$proxy_protocol_addr":
		return "{ip: true}"
	case "$uri", "$document_uri":
		return "{path: 64}"
	}
	return ""
}

// sticky is of nginx Plus, and of a module that many have.
func (im *importer) sticky(d *Directive) string {
	if how := d.arg(0); how == "route" || how == "learn" {
		im.lose(d, "usher leads clients by a cookie of its own instead")
	} else {
		im.remark(d, "usher's cookie has a name of its own")
	}
	for _, a := range d.Args {
		if site, ok := strings.CutPrefix(strings.ToLower(a), "samesite="); ok && slices.Contains([]string{"lax", "strict", "none"}, site) {
			return "affinity: {cookie: {same_site: " + site + "}}"
		}
	}
	return "affinity: cookie"
}

// tls returns the options of an upstream that is spoken to by https.
func (im *importer) tls(to destination, in *scope) (options []string) {
	if to.scheme != "https" {
		return nil
	}
	verify, ca := in.one("proxy_ssl_verify"), in.one("proxy_ssl_trusted_certificate")
	switch {
	case verify != nil && verify.arg(0) == "off":
		options = append(options, "insecure_skip_verify: true")
	case ca != nil:
		options = append(options, "ca: "+q(im.file(ca.arg(0))))
	case verify == nil:
		for _, d := range in.own("proxy_pass") {
			im.remark(d, "usher verifies the certificate, nginx does not: ca, server_name or insecure_skip_verify on the upstream say how")
		}
	}
	if d := in.one("proxy_ssl_name"); d != nil && !strings.Contains(d.arg(0), "$") {
		options = append(options, "server_name: "+q(d.arg(0)))
	}
	for nginx, key := range map[string]string{"proxy_ssl_certificate": "cert", "proxy_ssl_certificate_key": "key"} {
		if d := in.one(nginx); d != nil {
			options = append(options, fmt.Sprintf("%s: %s", key, q(im.file(d.arg(0)))))
		}
	}
	slices.Sort(options)
	return options
}
