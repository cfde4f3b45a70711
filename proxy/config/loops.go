package config

import (
	"net"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// refuseLoops finds the endpoints that are usher itself: what comes to a listener
// would go round, and what comes to the operators' address would be obeyed,
// whoever asks, as if an operator on this machine had. Other loops, such as by
// names that lead here, are found when the first request comes back.
func (l *loader) refuseLoops(c *Config) {
	admin := Listener{Position: c.Admin.Position, Address: c.Admin.Address}
	for _, u := range c.Upstreams {
		for _, e := range u.Endpoints {
			if i := slices.IndexFunc(c.Listen, func(one Listener) bool { return l.leads(e, one) }); i >= 0 {
				l.errorf(e.Position, "this endpoint is usher itself, which listens on %s (%s): it would ask itself without end", c.Listen[i].Address, l.whereListed(c.Listen[i]))
			} else if admin.Address != "" && l.leads(e, admin) {
				l.errorf(e.Position, "this endpoint is usher's own admin address %s (%s): every client could give it orders", admin.Address, l.where(admin.Position))
			}
		}
	}
}

// whereListed names the place of a listener, which may stand nowhere.
func (l *loader) whereListed(one Listener) string {
	if one.Line == 0 {
		return "the default"
	}
	return l.where(one.Position)
}

// leads tells whether a connection to e surely comes to the listener.
func (l *loader) leads(e Endpoint, to Listener) bool {
	if name, unix := to.UnixPath(); unix || e.Scheme == Unix {
		return unix && e.Scheme == Unix && path.Clean(name) == path.Clean(e.Address)
	}
	host, port, err := net.SplitHostPort(e.Address)
	own, ownPort, ownErr := net.SplitHostPort(to.Address)
	if err != nil || ownErr != nil || port != ownPort || port == "0" {
		return false
	}
	if strings.EqualFold(host, own) {
		return true
	}
	return slices.ContainsFunc(addressesOf(host), func(a netip.Addr) bool { return l.listens(own, a) })
}

// addressesOf returns those of a host that are known without asking anybody.
// Who connects to no address in particular comes to this machine.
func addressesOf(host string) []netip.Addr {
	v4, v6 := netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return []netip.Addr{v4, v6}
	}
	a, err := netip.ParseAddr(host)
	switch a = a.Unmap(); {
	case err != nil:
		return nil
	case a == netip.IPv4Unspecified():
		return []netip.Addr{v4}
	case a.IsUnspecified():
		return []netip.Addr{v6, v4}
	}
	return []netip.Addr{a}
}

// listens tells whether who listens on host takes connections to a.
func (l *loader) listens(host string, a netip.Addr) bool {
	own, err := netip.ParseAddr(host)
	switch own = own.Unmap(); {
	case host == "" || err == nil && own.IsUnspecified():
		// "[::]" takes IPv4 as well, "0.0.0.0" nothing else.
		return (a.IsLoopback() || slices.Contains(l.local, a)) && (host == "" || own.Is6() || a.Is4())
	case err == nil:
		return own == a
	}
	return slices.Contains(addressesOf(host), a)
}

// localAddresses returns those of this machine's interfaces.
func localAddresses() []netip.Addr {
	var list []netip.Addr
	found, _ := net.InterfaceAddrs() // without them less is found
	for _, one := range found {
		if n, ok := one.(*net.IPNet); ok {
			if a, ok := netip.AddrFromSlice(n.IP); ok {
				list = append(list, a.Unmap())
			}
		}
	}
	return list
}
