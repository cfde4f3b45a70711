// Package upstream chooses an endpoint of an upstream and connects to it.
//
// Addresses come from the routes file alone: nothing that a client sends has a
// say in where a connection goes.
package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"net"

	"usher/proxy/config"
)

// sessionCache is how many TLS sessions an endpoint keeps for resumption; more
// than a few are never used, as all belong to the same server.
const sessionCache = 32

// Pool holds all upstreams of one routes file. Its fields may be set until the
// first connection is made.
type Pool struct {
	// Wrap, if not nil, is applied to the TCP or unix connection under TLS, so
	// that whoever takes the connection over can read it without blocking.
	Wrap func(net.Conn) net.Conn
	// Roots verify https endpoints; nil means the system's.
	Roots *x509.CertPool
	// TLS has what differs from the usual for https endpoints, by the name of
	// the upstream.
	TLS map[string]*tls.Config

	upstreams map[string]*Upstream // static after construction
}

// NewPool returns the upstreams of a checked routes file.
func NewPool(list []*config.Upstream) *Pool {
	p := &Pool{upstreams: make(map[string]*Upstream, len(list))}
	for _, c := range list {
		u := &Upstream{Name: c.Name, balance: c.Balance, dialTimeout: c.DialTimeout, announce: c.SendProxyProtocol}
		for _, e := range c.Endpoints {
			u.endpoints = append(u.endpoints, newEndpoint(p, u, e))
		}
		p.upstreams[c.Name] = u
	}
	return p
}

// Get returns the upstream of that name, or nil if the routes file has none.
func (p *Pool) Get(name string) *Upstream { return p.upstreams[name] }

func newEndpoint(p *Pool, u *Upstream, c config.Endpoint) *Endpoint {
	e := &Endpoint{Scheme: c.Scheme, Address: c.Address, upstream: u, pool: p}
	switch c.Scheme {
	case config.Unix:
		e.network = "unix"
	case config.HTTPS:
		e.network = "tcp"
		e.sessions = tls.NewLRUClientSessionCache(sessionCache)
	default:
		e.network = "tcp"
	}
	return e
}
