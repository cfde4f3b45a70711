package nginx

import (
	"path"
	"slices"
	"strings"
)

// listener is an address with all servers that listen there.
type listener struct {
	socket
	servers []*server
	leads   bool // it leads to https
	ca      string
	peers   []string // of the PROXY protocol
}

// String returns it as the routes file has it.
func (l *listener) String() string {
	options := []string{"address: " + q(l.address)}
	if l.tls {
		options = append(options, "tls: true")
	}
	if l.leads {
		options = append(options, "redirect: true")
	}
	if l.ca != "" {
		options = append(options, "client_ca: "+q(l.ca))
	}
	if l.proxied {
		options = append(options, "proxy_protocol: "+many(l.peers))
	}
	if len(options) == 1 {
		return q(l.address)
	}
	return "{" + strings.Join(options, ", ") + "}"
}

// listen gathers the listeners of all servers that are carried over.
func (im *importer) listen() {
	for _, s := range im.servers {
		for _, one := range s.sockets {
			if !s.out {
				im.join(s, one)
			}
		}
	}
	im.merge()
	for _, l := range im.listeners {
		if l.tls {
			im.clientCA(l)
		}
		if l.proxied {
			im.believe(l)
		}
	}
	secure := slices.ContainsFunc(im.listeners, func(l *listener) bool { return l.tls })
	for _, l := range im.listeners {
		leading := slices.IndexFunc(l.servers, func(s *server) bool { return s.leads || s.sheds })
		l.leads = leading >= 0 && secure && !l.tls && !slices.ContainsFunc(l.servers, func(s *server) bool { return !s.leads && !s.sheds })
		for _, s := range l.servers {
			if s.leads {
				im.led(s, l)
			}
		}
	}
	if len(im.listeners) == 0 {
		im.listeners = []*listener{{socket: socket{address: "127.0.0.1:8080", port: "8080"}}}
	}
}

// led tells what becomes of a server that leads to https.
func (im *importer) led(s *server, l *listener) {
	for _, d := range s.Block {
		switch {
		case isNeedless(d) || d.told:
		case d.Name == "location" && d.arg(0) != "/":
			im.lose(d, "on a listener that leads to https all paths are led; certificates that come by /.well-known are usher's own business: tls.domains")
		case l.leads:
			d.tell()
		}
	}
	if l.leads {
		im.remark(s.Directive, "the listener %s leads all hosts to https, by 308", l.address)
		return
	}
	im.lose(s.Directive, "a listener leads all hosts to https, or none, and others at %s are served: its hosts are served there by http, too", l.address)
}

func (im *importer) join(s *server, one socket) {
	i := slices.IndexFunc(im.listeners, func(l *listener) bool { return l.address == one.address })
	if i < 0 {
		if why := im.refuses(one); why != "" {
			im.lose(one.from, "%s", why)
			return
		}
		im.listeners = append(im.listeners, &listener{socket: one})
		i = len(im.listeners) - 1
	}
	l := im.listeners[i]
	l.servers = append(l.servers, s)
	l.tls, l.proxied = l.tls || one.tls, l.proxied || one.proxied
	if one.tls {
		im.certificates(s)
	}
}

// refuses says why usher cannot listen there.
func (im *importer) refuses(one socket) string {
	if one.from == nil {
		return ""
	}
	return listenProblem(q(one.address))
}

// merge has one listener for what nginx has one or two for: its *:80 is IPv4
// alone, and [::]:80 IPv6; usher's :80 is both. An address of its own beside them
// cannot be listened on twice.
func (im *importer) merge() {
	find := func(address string) *listener {
		for _, l := range im.listeners {
			if l.address == address {
				return l
			}
		}
		return nil
	}
	var kept []*listener
	for _, l := range im.listeners {
		v4, v6 := find("0.0.0.0:"+l.port), find("[::]:"+l.port)
		other := v4
		if l == v4 || v4 == nil && l != v6 {
			other = nil
		}
		switch {
		case l.unix || other == nil:
			kept = append(kept, l)
		default:
			other.servers = append(other.servers, l.servers...)
			other.tls, other.proxied = other.tls || l.tls, other.proxied || l.proxied
		}
	}
	for _, l := range kept {
		if l.address == "0.0.0.0:"+l.port && find("[::]:"+l.port) != nil {
			defer func() { l.address = ":" + l.port }()
		}
	}
	im.listeners = kept
}

// certificates takes the files of a server. nginx's relative names begin at the
// folder of nginx.conf.
func (im *importer) certificates(s *server) {
	certs, keys := s.scope.all("ssl_certificate"), s.scope.all("ssl_certificate_key")
	for i, cert := range certs {
		if i >= len(keys) || cert.arg(0) == "" || keys[i].arg(0) == "" || strings.ContainsAny(cert.arg(0)+keys[i].arg(0), "$") || strings.HasPrefix(cert.arg(0), "data:") {
			im.lose(cert, "a certificate is two files")
			continue
		}
		pair := "{cert: " + q(im.file(cert.arg(0))) + ", key: " + q(im.file(keys[i].arg(0))) + "}"
		if !slices.Contains(im.certs, pair) {
			im.certs = append(im.certs, pair)
		}
	}
}

// file returns a name with the folder that it begins at.
func (im *importer) file(name string) string {
	if path.IsAbs(name) || name == "" {
		return name
	}
	return path.Join(im.source.Prefix, name)
}

// clientCA has a listener ask for certificates, if all of its servers do.
func (im *importer) clientCA(l *listener) {
	for i, s := range l.servers {
		ca := ""
		if s.scope.one("ssl_verify_client").arg(0) == "on" {
			ca = im.file(s.scope.one("ssl_client_certificate").arg(0))
		}
		if i > 0 && ca != l.ca {
			l.ca = ""
			return
		}
		l.ca = ca
	}
}

// private are the networks that balancers are in.
var private = []string{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7", "unix"}

// believe says whose PROXY header is believed.
func (im *importer) believe(l *listener) {
	for _, s := range l.servers {
		for _, d := range s.scope.all("set_real_ip_from") {
			if peer := im.peer(d); peer != "" && !slices.Contains(l.peers, peer) {
				l.peers = append(l.peers, peer)
			}
		}
	}
	if len(l.peers) == 0 {
		l.peers = private
		if l.from != nil {
			im.remark(l.from, "usher takes the PROXY header of private networks alone, nginx that of everybody")
		}
	}
}

// peer returns who is believed, "" if it is no network.
func (im *importer) peer(d *Directive) string {
	name := strings.TrimSuffix(d.arg(0), ":")
	if why := problem("", "  - {upstream: x, allow: "+q(name)+"}\n"); why != "" {
		im.lose(d, "%s", why)
		return ""
	}
	return name
}
