package nginx

import (
	"net/netip"
	"strings"
)

// socket is what a server listens on.
type socket struct {
	from     *Directive // nil for nginx's own default
	address  string
	port     string
	tls      bool
	proxied  bool // the PROXY protocol
	fallback bool
	unix     bool
}

// newSocket reads a listen.
func newSocket(d *Directive) socket {
	s := socket{from: d}
	at := d.arg(0)
	for _, option := range d.Args[min(1, len(d.Args)):] {
		switch option {
		case "ssl":
			s.tls = true
		case "proxy_protocol":
			s.proxied = true
		case "default_server", "default":
			s.fallback = true
		}
	}
	if strings.HasPrefix(at, "unix:") {
		s.address, s.unix = at, true
		return s
	}
	host, port := "0.0.0.0", "80"
	switch i := strings.LastIndexByte(at, ':'); {
	case strings.Trim(at, "0123456789") == "":
		port = at
	case strings.HasSuffix(at, "]") || i < 0:
		host = at
	default:
		host, port = at[:i], at[i+1:]
	}
	if host == "*" {
		host = "0.0.0.0"
	}
	s.address, s.port = host+":"+port, port
	return s
}

// loopback tells whether nobody from elsewhere comes to it.
func (s socket) loopback() bool {
	host := strings.Trim(strings.TrimSuffix(s.address, ":"+s.port), "[]")
	a, err := netip.ParseAddr(host)
	return s.unix || host == "localhost" || err == nil && a.IsLoopback()
}

// key is the address, the same for any of IPv4 and any of IPv6.
func (s socket) key() string {
	if s.address == "0.0.0.0:"+s.port || s.address == "[::]:"+s.port {
		return ":" + s.port
	}
	return s.address
}
