package config

import "slices"

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
