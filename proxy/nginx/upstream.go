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
		if d := in.one(nginx); d != nil && d.arg(0) != "" {
			options = append(options, fmt.Sprintf("%s: %s", key, q(im.file(d.arg(0)))))
		}
	}
	slices.Sort(options)
	return options
}
