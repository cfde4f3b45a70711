// Package upstream chooses an endpoint of an upstream and connects to it.
//
// Addresses come from the routes file alone. What a client sends may choose
// among them, where the upstream has an affinity or balances by a hash, and
// never adds one.
package upstream

import (
	"context"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"usher/proxy/config"
)

// Pool holds all upstreams of one routes file. It never changes, but what is
// known of an endpoint lives on in the pool of the next file.
type Pool struct {
	*Settings

	// static after construction
	upstreams map[string]*Upstream
	endpoints map[string]*Endpoint // by identity
}

// Settings are those of a pool and all that follow it. They may be set until
// the first connection is made.
type Settings struct {
	// Roots verify https endpoints; nil means the system's.
	Roots *x509.CertPool
	// Marker is a header line of every check, without its end; "" for none.
	Marker string
	// Log gets a line when the state of an endpoint changes; nil means none.
	Log *slog.Logger
	// Random returns a number in [0, 1); nil means that of math/rand.
	Random func() float64
	// Dial connects to an address of network tcp or unix; nil means the
	// system's sockets.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Lookup returns the addresses of a host; nil means the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

	// Handover has the records of TLS 1.3 be usher's own on legs that are dialled
	// from now on. It may be set at any time.
	Handover atomic.Bool

	holding    context.Context // done when nobody is held any more
	endHolding context.CancelFunc

	checks checks
	secret []byte // for upstreams that the file has none for
}

func (s *Settings) random() float64 {
	if s.Random != nil {
		return s.Random()
	}
	return rand.Float64()
}

// NewPool returns the upstreams of a checked routes file.
func NewPool(list []*config.Upstream) *Pool {
	secret := make([]byte, 32)
	crand.Read(secret) // never fails
	s := &Settings{secret: secret}
	s.holding, s.endHolding = context.WithCancel(context.Background())
	return (&Pool{Settings: s}).Next(list, nil)
}

// Next returns the upstreams of another routes file. An endpoint of an upstream
// that has it in both is the same: sessions that p counts on it are counted.
// Who is held by an upstream that the other file does not have is let go; the
// others go on with the endpoints that they had.
// own has what differs from the usual for https endpoints, by the name of the
// upstream. It counts for connections that are made from now on.
func (p *Pool) Next(list []*config.Upstream, own map[string]*tls.Config) *Pool {
	next := &Pool{
		Settings:  p.Settings,
		upstreams: make(map[string]*Upstream, len(list)),
		endpoints: make(map[string]*Endpoint),
	}
	for _, c := range list {
		old := p.upstreams[c.Name]
		u := &Upstream{
			Name: c.Name, balance: c.Balance, hash: c.Hash, check: c.Check, slowStart: c.SlowStart, settings: p.Settings,
			hold: c.Hold, held: old.nextHeld(),
			affinity: c.Affinity, guide: old.nextGuide(c, p.Settings), cookie: cookieName(c.Name), sameSite: c.SameSite,
		}
		for _, e := range c.Endpoints {
			identity := identify(c, e)
			kept := p.endpoints[identity]
			if kept == nil {
				kept = newEndpoint(p.Settings, identity, c, e)
			}
			kept.dialTimeout.Store(int64(c.DialTimeout))
			kept.resolve.Store(int64(c.Resolve))
			kept.verifyBy(own[c.Name])
			next.endpoints[identity] = kept
			u.members = append(u.members, member{Endpoint: kept, weight: max(e.Weight, 1), max: e.MaxSessions, turn: old.turn(kept)})
		}
		next.upstreams[c.Name] = u
	}
	for name, u := range p.upstreams {
		if next.upstreams[name] == nil {
			close(u.held.removed)
		}
	}
	for _, c := range list {
		for _, name := range c.After {
			u := next.upstreams[c.Name]
			u.after = append(u.after, next.upstreams[name])
		}
	}
	return next
}

// Get returns the upstream of that name, or nil if the routes file has none.
func (p *Pool) Get(name string) *Upstream { return p.upstreams[name] }

// Has tells whether an endpoint of the pool has that identity.
func (p *Pool) Has(identity string) bool { return p.endpoints[identity] != nil }

// Hashes reports whether an upstream wants to know for whom it is asked.
func (p *Pool) Hashes() bool {
	for _, u := range p.upstreams {
		if u.balance == config.ByHash || u.affinity == config.AffinityIP {
			return true
		}
	}
	return false
}

// Endpoint returns the endpoint of that identity, or nil if there is none.
func (p *Pool) Endpoint(identity string) *Endpoint { return p.endpoints[identity] }

// Endpoints returns the endpoints of all upstreams, by identity. The caller
// does not change the map.
func (p *Pool) Endpoints() map[string]*Endpoint { return p.endpoints }

// identify names all that sets an endpoint apart from others.
func identify(u *config.Upstream, e config.Endpoint) string {
	identity := u.Name + " " + endpointName(e)
	if u.SendProxyProtocol != 0 {
		identity += fmt.Sprintf(" PROXY protocol v%d", u.SendProxyProtocol)
	}
	return identity
}

func newEndpoint(s *Settings, identity string, u *config.Upstream, c config.Endpoint) *Endpoint {
	e := &Endpoint{
		Scheme: c.Scheme, Address: c.Address, Identity: identity,
		upstream: u.Name, network: "tcp", announce: u.SendProxyProtocol, settings: s,
	}
	if c.Scheme == config.Unix {
		e.network = "unix"
	}
	e.names = newNames(e.network, e.Address)
	e.health.since = time.Now()
	return e
}
