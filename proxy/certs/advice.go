package certs

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"usher/proxy/config"
)

// Advice returns what can be served, but not to everybody for whom it is meant:
// where no client accepts the certificate that there is.
func Advice(cfg *config.Config) config.Errors {
	c := checker{cfg: cfg}
	for _, one := range cfg.TLS.Certificates {
		if leaf := leafOf(cfg, one); leaf != nil && len(namesOf(leaf)) == 0 {
			c.advise(one.CertAt, "certificate %q has no subject alternative name, and clients do not look at its common name, %q: issue it again with one",
				one.Cert, leaf.Subject.CommonName)
		}
	}
	if cfg.TLS.Ask == "" { // else names may come that nobody knows yet
		names := Names(cfg)
		c.adviseListeners(names)
		c.adviseRoutes(names)
	}
	return c.faults.Sorted()
}

func (c *checker) advise(at config.Position, format string, args ...any) {
	c.faults = append(c.faults, &config.Error{File: c.cfg.File, Position: at, Text: fmt.Sprintf(format, args...)})
}

// adviseListeners looks for those whose clients get no certificate that they
// accept.
func (c *checker) adviseListeners(names []string) {
	for _, l := range c.cfg.Listen {
		switch {
		case !l.TLS:
		case len(names) == 0:
			c.advise(l.Position, "no name has a certificate that clients of this listener accept")
		case c.cfg.TLS.Internal && onlyHere(names) && !reachedHere(l):
			c.advise(l.Position, "only localhost has a certificate: list the names of %s under domains in tls, or as host of a route", l.Address)
		}
	}
}

// adviseRoutes looks for hosts that nobody can reach: they have no certificate,
// and there is no listener without TLS.
func (c *checker) adviseRoutes(names []string) {
	if slices.ContainsFunc(c.cfg.Listen, func(l config.Listener) bool { return !l.TLS && !l.Redirect }) {
		return
	}
	for _, r := range c.cfg.Routes {
		for _, host := range r.Named() {
			if !covered(host, names) {
				c.advise(r.Position, "host %s of this route has no certificate, and all listeners have TLS: it needs one by domains or certificates in tls", host)
			}
		}
	}
}

// onlyHere tells that names are those by which a machine calls itself.
func onlyHere(names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		a, err := netip.ParseAddr(name)
		return name != localhost && (err != nil || !a.IsLoopback())
	})
}

// reachedHere tells that such a name may lead to l.
func reachedHere(l config.Listener) bool {
	host := hostName(l.Address)
	a, err := netip.ParseAddr(host)
	_, unix := l.UnixPath()
	return unix || host == "" || host == localhost || err == nil && (a.IsLoopback() || a.IsUnspecified())
}

// covered tells whether one of names is host, or stands for it; or, if host
// stands for all names below another, is one of them.
func covered(host string, names []string) bool {
	_, above, _ := strings.Cut(host, ".")
	below, wild := strings.CutPrefix(host, "*")
	return slices.ContainsFunc(names, func(name string) bool {
		return name == host || name == "*."+above || wild && strings.HasSuffix(name, below)
	})
}
