package nginx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

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
