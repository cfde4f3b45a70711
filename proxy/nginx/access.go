package nginx

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// access returns what the access phase of nginx makes of a block. A login that
// cannot be carried over closes the route: without it everybody would come.
func (im *importer) access(in *scope) (g guard) {
	rules := in.all("allow", "deny")
	g.allow, g.deny = im.rules(rules)
	if len(rules) > 0 && !im.believes(in) {
		im.lose(rules[0], "the route is closed: usher takes the client's address from elsewhere than nginx does (set_real_ip_from, real_ip_header): write trusted_proxies, and allow and deny in place of this deny")
		g = guard{closed: true}
	}
	either := in.one("satisfy").arg(0) == "any" && len(rules) > 0
	for _, d := range in.keepers(isLogin) {
		switch auth := im.login(in, d); {
		case either && g.allow != nil:
			im.lose(d, "by satisfy any it is asked of those whom allow does not have; here they do not come at all")
		case auth != "" && g.auth == "" && !either:
			g.auth = auth
		default:
			im.lose(d, "the route is closed; in place of its deny give it auth: {basic: ...}, {forward: ...} or {jwt: ...}")
			g = guard{closed: true}
		}
	}
	if slices.Equal(g.deny, everybody) {
		g.closed = true
	}
	return g
}

// believes tells whether usher takes the client's address from where nginx does.
func (im *importer) believes(in *scope) bool {
	from := in.all("set_real_ip_from")
	header := strings.ToLower(in.one("real_ip_header").arg(0))
	proxied := slices.ContainsFunc(im.listeners, func(l *listener) bool { return l.proxied })
	switch {
	case proxied || header == "proxy_protocol":
		return proxied && header == "proxy_protocol" && len(from) > 0 && len(im.peers) == 0
	case len(from) == 0:
		return len(im.peers) == 0
	case header != "x-forwarded-for":
		return false
	}
	return !slices.ContainsFunc(from, func(d *Directive) bool { return !slices.Contains(im.peers, im.peer(d)) })
}

var (
	// companions say how a login is done, and ask for none.
	companions = []string{"auth_basic_user_file", "auth_request_set", "auth_jwt_key_file", "auth_digest_user_file", "auth_pam_service_name", "auth_delay"}
	// asking are directives of nginx and of modules that let nobody pass who is not
	// known, refusing those that let no request pass that they do not like.
	asking    = regexp.MustCompile(`(?i)^(auth_|access_by_|shib_|oidc|openidc|saml|cas_|spnego|jwt)`)
	refusing  = regexp.MustCompile(`(?i)^(js_|perl$|modsecurity(enabled)?$|naxsi|secrulesenabled|checkrule|deniedurl|app_protect|waf|testcookie|captcha|secure_link|valid_referers|ssl_crl)|_by_lua|_by_njs`)
	fetchOnly = regexp.MustCompile(`^(js_(import|include|path|set|var|engine|preload_object|shared_dict_zone|fetch_\w+)|(init|init_worker|exit_worker|log)_by_lua(_block|_file)?)$`)
)

func isLogin(name string) bool { return asking.MatchString(name) && !slices.Contains(companions, name) }

func isFilter(name string) bool {
	return refusing.MatchString(name) && !fetchOnly.MatchString(name) && !isLogin(name)
}

// keepers returns the directives with such names, of each name that of the nearest
// block, but those that are off.
func (s *scope) keepers(is func(name string) bool) (found []*Directive) {
	seen := make(map[string]bool)
	for at := s; at != nil; at = at.outer {
		for _, d := range at.unusual() {
			asked := is(d.Name)
			d.told = d.told || asked || slices.Contains(companions, d.Name)
			if asked && !seen[d.Name] && d.arg(0) != "off" {
				found = append(found, d)
			}
			seen[d.Name] = true
		}
	}
	return found
}

// unusual returns the directives that keep somebody away, of this block.
func (s *scope) unusual() []*Directive {
	if s.keeping == nil {
		s.keeping = []*Directive{}
		for _, d := range s.list {
			if asking.MatchString(d.Name) || refusing.MatchString(d.Name) {
				s.keeping = append(s.keeping, d)
			}
		}
	}
	return s.keeping
}

// filters returns what refuses requests of a block, whoever sends them.
func (im *importer) filters(in *scope) (found *Directive) {
	for _, d := range in.keepers(isFilter) {
		im.lose(d, "the route is closed: it can refuse requests, which usher does not; without the route's deny all of them come")
		found = d
	}
	if d := in.one("proxy_pass_request_headers"); d.arg(0) == "off" {
		im.lose(d, "the route is closed: it keeps all headers of clients from the upstream, and usher sends them on")
		found = d
	}
	for _, d := range in.own("limit_except") {
		im.lose(d, "the route is closed: usher does not tell methods apart; without its deny all of them come")
		found = d
	}
	for _, d := range in.own("if") {
		if !d.told && im.keepsAway(in, d) {
			im.lose(d, "the route is closed: it can keep requests away, which usher has no conditions for")
			found = d
		}
	}
	return found
}

var everybody = []string{"0.0.0.0/0", "::/0", "unix"}

// rules turns nginx's, of which the first that fits counts, into usher's, where
// a deny wins.
func (im *importer) rules(list []*Directive) (allow, deny []string) {
	var allowed []netip.Prefix
	for _, d := range list {
		who := strings.TrimSuffix(d.arg(0), ":")
		switch {
		case who == "all" && d.Name == "deny" && len(allow) == 0:
			return nil, everybody
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
				return nil, everybody
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
