package nginx

import (
	"net/netip"
	"slices"
	"strings"
)

// access carries over who may come. A login that is not carried over closes the
// route: without it everybody would come.
func (im *importer) access(r *route, in *scope) {
	rules, login := in.all("allow", "deny"), im.login(r, in)
	if _, path := kindOf(r.from[0]); !r.exact && !strings.HasSuffix(path, "/") && len(in.own(guards...)) > 0 {
		r.remarks = append(r.remarks, "TAKE CARE: nginx guards all paths that begin with "+path+", such as "+path+"x; they come to other routes now")
	}
	either := in.one("satisfy").arg(0) == "any" && len(rules) > 0
	if login != nil && !either {
		r.remarks = append(r.remarks, "DO NOT SERVE THIS WITHOUT A LOGIN: nginx asks for one ("+login.Name+", "+login.place()+"); until it has one, nobody comes here")
		r.keys = append(r.keys, closed)
		return
	}
	allow, deny := im.rules(rules)
	if local := im.local(r.server); local != nil && len(rules) == 0 {
		allow = local
	}
	if login != nil && allow == nil { // nobody comes without the login
		r.keys = append(r.keys, closed)
		return
	}
	if allow != nil {
		r.keys = append(r.keys, "allow: "+list(allow))
	}
	if deny != nil {
		r.keys = append(r.keys, "deny: "+list(deny))
	}
}

// logins are the directives that let nobody pass who is not known.
var logins = []string{"auth_basic", "auth_request", "auth_jwt", "auth_digest", "auth_ldap", "auth_ldap_servers", "auth_pam", "auth_gss", "auth_oidc",
	"access_by_lua", "access_by_lua_block", "access_by_lua_file"}

// login returns the directive by which nginx wants to know who comes, nil if it
// does not.
func (im *importer) login(r *route, in *scope) (found *Directive) {
	for _, name := range logins {
		if d := in.one(name); d != nil && d.arg(0) != "off" {
			im.lose(d, "the route is closed: in place of its deny give it auth: {basic: ...}, {forward: ...} or {jwt: ...}")
			found = d
		}
	}
	for _, d := range in.own("limit_except") {
		im.lose(d, "the route is closed: usher does not tell methods apart")
		found = d
	}
	for _, name := range []string{"auth_basic_user_file", "auth_request_set", "auth_jwt_key_file"} {
		in.all(name)
	}
	if d := in.one("ssl_verify_client"); d != nil && d.arg(0) != "off" {
		asked := slices.ContainsFunc(im.listeners, func(l *listener) bool { return l.ca != "" && slices.Contains(l.servers, r.server) })
		in.all("ssl_client_certificate")
		if !asked && d.arg(0) == "on" {
			im.lose(d, "the route is closed: client_ca is a listener's, for all of its servers")
			found = d
		} else if !asked {
			im.lose(d, "client_ca asks everybody for a certificate")
		}
	}
	for _, d := range in.own("if") {
		if variable, is := condition(d); im.keepsAway(d, variable, is) {
			im.lose(d, "the route is closed: it keeps requests away, which usher has no conditions for")
			found = d
		}
	}
	if found == nil {
		found = r.server.gate
	}
	return found
}

// rules turns nginx's, of which the first that fits counts, into usher's, where
// a deny wins.
func (im *importer) rules(list []*Directive) (allow, deny []string) {
	var allowed []netip.Prefix
	for _, d := range list {
		who := strings.TrimSuffix(d.arg(0), ":")
		switch {
		case who == "all" && d.Name == "deny" && len(allow) == 0:
			return nil, []string{"0.0.0.0/0", "::/0", "unix"}
		case who == "all" && d.Name == "deny":
			return allow, deny
		case who == "all":
			return nil, deny
		}
		if p, err := netip.ParsePrefix(who); err == nil {
			who = p.Masked().String()
		}
		if why := problem("", "  - {upstream: x, allow: "+q(who)+"}\n"); why != "" {
			im.lose(d, "%s", why)
			if d.Name == "deny" { // somebody would come who must not
				return nil, []string{"0.0.0.0/0", "::/0", "unix"}
			}
			continue
		}
		p := prefixOf(who)
		if d.Name == "allow" {
			allow, allowed = append(allow, who), append(allowed, p)
			continue
		}
		if slices.ContainsFunc(allowed, func(a netip.Prefix) bool { return p.IsValid() && a.Contains(p.Addr()) && a.Bits() <= p.Bits() }) {
			continue // nginx never comes to it
		}
		if i := slices.IndexFunc(allowed, p.Overlaps); i >= 0 {
			im.lose(d, "it stands behind an allow of some of these addresses: in usher a deny wins, so that they are denied, too")
		}
		deny = append(deny, who)
	}
	return nil, deny
}

func prefixOf(who string) netip.Prefix {
	if a, err := netip.ParseAddr(who); err == nil {
		return netip.PrefixFrom(a, a.BitLen())
	}
	p, _ := netip.ParsePrefix(who) // the zero one is nobody's
	return p
}

// local returns who may come to a server that listens for this machine alone,
// where usher has listeners for others.
func (im *importer) local(s *server) []string {
	elsewhere := func(one socket) bool { return !one.loopback() }
	if slices.ContainsFunc(s.sockets, elsewhere) || !slices.ContainsFunc(im.listeners, func(l *listener) bool { return elsewhere(l.socket) }) {
		return nil
	}
	im.remark(s.Directive, "it listens for this machine alone; as routes answer on every listener, allow keeps others away")
	return []string{"127.0.0.0/8", "::1", "unix"}
}

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

// strangers are variables by which no client is told from another.
var strangers = []string{"$request_method", "$host", "$http_host", "$scheme", "$https", "$request_uri", "$uri", "$http_upgrade", "$server_port", "$http_user_agent", "$http_referer", "$request_filename", "$invalid_referer", "$args", "$query_string"}

// conditions carries over the ifs of a server.
func (im *importer) conditions(s *server) {
	for _, d := range s.scope.own("if") {
		variable, is := condition(d)
		in := s.scope.in(d)
		host, isHost := strings.CutPrefix(is, "= ")
		switch {
		case d.told:
		case variable == "$host" && isHost && s.any || variable == "$host" && slices.Contains(s.owns, host):
			r := &route{server: s, hosts: []string{host}, path: "/"}
			if im.answer(r, in) {
				d.told = true
				s.owns = slices.DeleteFunc(s.owns, func(n string) bool { return n == host })
				im.add(r, d)
			}
		case im.keepsAway(d, variable, is):
			s.gate = d
			im.lose(d, "it keeps requests away, which usher has no conditions for: the server's routes are closed")
		}
	}
}

// keepsAway tells whether nobody passes but who has what the condition asks for:
// one that names whom it refuses is none.
func (im *importer) keepsAway(d *Directive, variable, is string) bool {
	refuses := slices.ContainsFunc(the(d.Block, "return"), func(r *Directive) bool { return strings.HasPrefix(r.arg(0), "4") })
	if !refuses || slices.Contains(strangers, variable) {
		return false
	}
	usual, known := im.usual(variable)
	if is == "" && known {
		return usual != "" && usual != "0"
	}
	return strings.HasPrefix(is, "!") || is == "" || is == "= " || strings.HasPrefix(is, "= 0")
}

// usual returns what a variable of a map or geo is for most.
func (im *importer) usual(variable string) (value string, known bool) {
	for _, d := range the(im.http.list, "map", "geo") {
		if d.arg(len(d.Args)-1) == variable {
			for _, one := range the(d.Block, "default") {
				value = one.arg(0)
			}
			return value, true
		}
	}
	return "", false
}
