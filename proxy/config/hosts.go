package config

import (
	"slices"
	"strings"
)

// Hosts returns the hosts that routes name, each once, in the order of the file.
func (c *Config) Hosts() []string {
	var list []string
	for _, r := range c.Routes {
		for _, host := range r.Named() {
			if !slices.Contains(list, host) {
				list = append(list, host)
			}
		}
	}
	return list
}

// Named returns the hosts that r names, none if it takes any.
func (r *Route) Named() []string {
	if r.Host == "" {
		return nil
	}
	return []string{r.Host}
}

// uncovered reports the hosts whose certificates by the local authority are for
// fewer names than the route: in those a "*" is one label (RFC 9525, 6.3).
func (l *loader) uncovered(c *Config) {
	for _, r := range c.Routes {
		if base, ok := strings.CutPrefix(r.Host, "*."); ok && c.TLS.Internal && c.TLS.Ask == "" {
			l.advise(r.Position, "host %q takes a.b.%s as well, but its certificate is for one label only: name such hosts, or list them in tls.domains", r.Host, base)
		}
	}
}

// Issued returns the names that certificates are issued for: the domains of the
// file, and by the local authority, which needs no proof, the hosts of routes.
func (c *Config) Issued() []string {
	list := slices.Clone(c.TLS.Domains)
	if !c.TLS.Internal {
		return list
	}
	for _, host := range c.Hosts() {
		if !slices.Contains(list, host) {
			list = append(list, host)
		}
	}
	return list
}
