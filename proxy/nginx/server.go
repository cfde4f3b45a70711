package nginx

import (
	"fmt"
	"slices"
	"strings"

	"usher/proxy/config"
)

// server is one block of that name.
type server struct {
	*Directive
	scope   *scope
	sockets []socket
	names   []string   // as hosts of routes
	strays  []stray    // names that are not among them
	owns    []string   // of names, those that its routes have
	leads   bool       // it does nothing but lead to https
	sheds   bool       // it leads to https where it is asked by http
	any     bool       // it answers for hosts that nobody has, too
	passes  int        // how often it names an upstream
	gate    *Directive // why its routes are closed; nil if they are not

	patterns []*pattern // that keep requests away
	out      bool       // nothing of it is carried over
}

func newServer(im *importer, d *Directive) *server {
	s := &server{Directive: d, scope: im.http.in(d), passes: passing(d.Block)}
	for _, l := range s.scope.own("listen") {
		l.told = true
		s.sockets = append(s.sockets, newSocket(l))
	}
	if len(s.sockets) == 0 {
		s.sockets = []socket{{address: "0.0.0.0:80", port: "80"}}
	}
	if on := s.scope.one("ssl"); on.arg(0) == "on" {
		for i := range s.sockets {
			s.sockets[i].tls = true
		}
	}
	for _, n := range s.scope.own("server_name") {
		n.told = true
		for _, name := range n.Args {
			s.name(im, n, strings.ToLower(name))
		}
	}
	s.leads = s.leadsOnly()
	s.sheds = s.secure() && s.leadsByScheme()
	return s
}

// name takes one of server_name.
func (s *server) name(im *importer, d *Directive, name string) {
	hosts := []string{name}
	if below, ok := strings.CutPrefix(name, "."); ok {
		hosts = []string{below, "*." + below}
	}
	switch {
	case name == "" || name == "_" || strings.Trim(name, "_-.") == "":
		return // for nobody: the server is there as a default
	case strings.HasPrefix(name, "~"), strings.HasSuffix(name, ".*"), strings.Contains(name, "$"):
		im.lose(d, "name %s: a host is a name, or *. and a name", name)
		s.strays = append(s.strays, stray{d, literal(name)})
		return
	}
	for _, host := range hosts {
		if why := problem("", "  - {host: "+q(host)+", upstream: x}\n"); why != "" {
			im.lose(d, "name %s: %s", name, why)
			s.strays = append(s.strays, stray{d, host})
		} else if !slices.Contains(s.names, host) {
			s.names = append(s.names, host)
		}
	}
}

// literal returns the name that an expression is not; "" if it is one.
func literal(name string) string {
	if strings.HasPrefix(name, "~") || strings.HasSuffix(name, ".*") {
		return ""
	}
	return name
}

// String says which server it is.
func (s *server) String() string {
	name := strings.Join(s.names, " ")
	if name == "" {
		name = "without a name"
	}
	text := fmt.Sprintf("server %s (%s)", name, s.place())
	if s.any {
		text += ", and for hosts that no other has"
	}
	return text
}

// leadsOnly tells whether s is there to lead from http to https, on every path.
func (s *server) leadsOnly() bool {
	if slices.ContainsFunc(s.sockets, func(one socket) bool { return one.tls || one.unix }) {
		return false
	}
	blocks := []*scope{s.scope}
	for _, l := range s.scope.own("location") {
		if l.arg(0) == "/" && len(l.Args) == 1 {
			blocks = append(blocks, s.scope.in(l))
		} else if len(the(l.Block, "proxy_pass", "return")) > 0 {
			return false
		}
	}
	leads := false
	for _, one := range blocks {
		for _, d := range one.own("if") {
			if inner := s.lead(one.in(d)); inner == nil {
				return false
			}
			leads = true
		}
		if s.lead(one) != nil {
			leads = true
		} else if len(one.own("proxy_pass", "rewrite")) > 0 {
			return false
		}
	}
	return leads
}

// leadsByScheme finds the condition by which a server with both kinds of sockets
// leads to https.
func (s *server) leadsByScheme() bool {
	for _, d := range s.scope.own("if") {
		what, is := condition(d)
		if what == "$scheme" && (is == "= http" || is == "!= https") || what == "$https" && (is == "= " || is == "!= on") || what == "$server_port" && is == "= 80" {
			if s.lead(s.scope.in(d)) != nil {
				d.tell()
				return true
			}
		}
	}
	return false
}

// lead returns the directive that leads to https on the same host, nil if there
// is none.
func (s *server) lead(in *scope) *Directive {
	for _, d := range in.own("return", "rewrite") {
		to, ok := target(in, d)
		host, rest := "", ""
		if ok {
			host, rest, ok = strings.Cut(strings.TrimPrefix(to.url, "https://"), "{uri}")
		}
		if ok && strings.HasPrefix(to.url, "https://") && rest == "" && (host == "{host}" || slices.Equal(s.names, []string{host})) {
			return d
		}
	}
	return nil
}

// names decides which server has which hosts: usher has one table for all of its
// listeners.
func (im *importer) names() {
	first := make(map[string]*server)
	for _, secure := range []bool{true, false} {
		for _, s := range im.servers {
			if s.leads || s.out || s.secure() != secure {
				continue
			}
			for _, name := range s.names {
				if first[name] == nil {
					first[name] = s
					s.owns = append(s.owns, name)
				} else {
					im.lose(s.at("server_name"), "%s: %s has it already, and usher has one set of routes for all listeners", name, first[name].place())
				}
			}
		}
	}
	for _, s := range im.servers {
		if !s.out && !s.leads && !s.any && len(s.owns) == 0 {
			s.out = true
			im.lose(s.Directive, "no host is its alone, and usher has one set of routes for all listeners: run another usher for it")
		}
	}
}

func (s *server) secure() bool {
	return slices.ContainsFunc(s.sockets, func(one socket) bool { return one.tls })
}

// at returns the directive of that name, or the server's own.
func (s *server) at(name string) *Directive {
	if found := s.scope.own(name); len(found) > 0 {
		return found[0]
	}
	return s.Directive
}

// hosts are those of the server's routes; none for any.
func (s *server) hosts() []string {
	if s.any {
		return nil
	}
	return s.owns
}

// normal returns the path of a location as routes have it.
func normal(path string) (string, error) {
	escaped := strings.NewReplacer("%", "%25", " ", "%20", "?", "%3F", "#", "%23").Replace(path)
	p, err := config.NormalPath(escaped)
	if p != "/" {
		p = strings.TrimSuffix(p, "/")
	}
	return p, err
}
