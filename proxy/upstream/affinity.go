package upstream

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"net"
	"net/http"
	"net/netip"

	"usher/proxy/affinity"
	"usher/proxy/config"
)

// ErrUnknownSID means that a request has the sid of an Engine.IO session that
// no endpoint of the upstream has given.
var ErrUnknownSID = affinity.ErrUnknown

// Lead is what an upstream's affinity says about one request. The zero value
// lets it go anywhere.
type Lead struct {
	Query string // for the endpoint

	upstream *Upstream // nil if there is nothing to say
	path     affinity.Path
	to       target
	must     bool   // the request belongs to the endpoint, and no other can answer it
	key      string // of the client, for who is to be chosen if that cannot be
	session  string // of SockJS; "" for none
}

// target is an endpoint, or one address of it if its host is a name: behind
// each stands another process.
type target struct {
	*Endpoint
	address  netip.Addr // invalid for whichever
	identity string
	weight   float64
}

// nextGuide returns what leads the clients of c, whose upstream in the last
// file was u, if there was one; nil if nothing needs to be known.
func (u *Upstream) nextGuide(c *config.Upstream, s *Settings) *affinity.Guide {
	secret := []byte(c.Secret)
	if c.Secret == "" {
		secret = s.secret
	}
	switch {
	case c.Affinity != config.AffinityEngineIO && c.Affinity != config.AffinityCookie:
		return nil
	case u == nil || u.guide == nil:
		return affinity.NewGuide(secret)
	}
	return u.guide.Next(secret)
}

// Lead says where a request goes whose query is given, as the client sent it.
// The error is ErrUnknownSID.
func (u *Upstream) Lead(r *http.Request, query string) (Lead, error) {
	l := Lead{Query: query}
	switch u.affinity {
	case config.AffinityNone:
	case config.AffinityEngineIO:
		if session, ok := affinity.SockJS(r.URL.Path); ok {
			return u.leadSockJS(r, l, session), nil
		}
		return u.leadSession(r, l)
	case config.AffinityCookie:
		l.upstream = u
		if c, err := r.Cookie(u.cookie); err == nil {
			targets := u.targets(r.Context())
			l.to = find(targets, u.guide.ReadCookie(c.Value, identities(targets)))
			path, _ := u.guide.Lead(query, nil)
			l.must = path.Continues && l.to.Endpoint != nil
		}
	case config.AffinityIP:
		if a, ok := r.Context().Value(askerKey{}).(asker); ok && a.client.IsValid() {
			l.upstream, l.key = u, a.client.String()
			l.to = closest(u.targets(r.Context()), l.key)
		}
	}
	return l, nil
}

// leadSession leads what belongs to an Engine.IO session.
func (u *Upstream) leadSession(r *http.Request, l Lead) (Lead, error) {
	path, err := u.guide.Lead(l.Query, nil)
	if err != nil {
		targets := u.targets(r.Context())
		if path, err = u.guide.Lead(l.Query, identities(targets)); err != nil {
			if r.Method == http.MethodOptions {
				err = nil // a browser asks for leave: anybody can answer
			}
			return l, err
		}
		l.to, l.must, l.Query = find(targets, path.Endpoint), true, path.Query
		if len(targets) == 1 {
			l.to.address = netip.Addr{} // its name may have another by now
		}
	}
	path.Opens = path.Opens && r.Method == http.MethodGet
	if path.Opens || path.Continues {
		l.upstream, l.path = u, path
	}
	return l, nil
}

// leadSockJS leads what belongs to a SockJS session: to who has it, or by its
// id to who may begin it. Other endpoints would begin another of the same id.
func (u *Upstream) leadSockJS(r *http.Request, l Lead, session string) Lead {
	targets := u.targets(r.Context())
	l.upstream, l.session = u, session
	l.key = cmp.Or(u.key(r.Context(), new(Tries)), session) // what the file hashes says more
	l.to = find(targets, u.guide.Session(session))
	if l.must = l.to.Endpoint != nil; !l.must {
		l.to = closest(targets, l.key)
	}
	if len(targets) == 1 {
		l.to.address = netip.Addr{} // its name may have another by now
	}
	return l
}

// targets returns all that requests can be led to.
func (u *Upstream) targets(ctx context.Context) []target {
	list := make([]target, 0, len(u.members))
	for i := range u.members {
		e, weight := u.members[i].Endpoint, float64(u.members[i].weight)
		addresses := e.addresses(ctx)
		if len(addresses) == 0 {
			list = append(list, e.target(netip.Addr{}, weight))
		}
		for _, a := range addresses {
			list = append(list, e.target(a, weight/float64(len(addresses))))
		}
	}
	return list
}

func (e *Endpoint) target(a netip.Addr, weight float64) target {
	identity := e.Identity
	if a.IsValid() {
		identity += " " + a.String()
	}
	return target{e, a, identity, weight}
}

// reached is the target behind a connection to e.
func (e *Endpoint) reached(peer net.Addr) target {
	a := netip.Addr{}
	if e.hasAddresses() && peer != nil {
		if at, err := netip.ParseAddrPort(peer.String()); err == nil {
			a = at.Addr().Unmap()
		}
	}
	return e.target(a, 0)
}

func identities(targets []target) []string {
	list := make([]string, len(targets))
	for i := range targets {
		list[i] = targets[i].identity
	}
	return list
}

func find(targets []target, identity string) target {
	for _, t := range targets {
		if t.identity == identity {
			return t
		}
	}
	return target{}
}

// closest is byHash for targets. The state of an endpoint has no say: who has
// to go elsewhere for a while comes back.
func closest(targets []target, key string) (best target) {
	highest := math.Inf(-1)
	for _, t := range targets {
		if t.names.hasFailed(t.address) {
			continue
		}
		if score := t.weight / -math.Log(uniform(key, t.identity)); score > highest {
			best, highest = t, score
		}
	}
	return best
}

// Tries returns what says to Pick and Dial where the request goes.
func (l *Lead) Tries() *Tries {
	return &Tries{to: l.to.Endpoint, address: l.to.address, must: l.must, sure: l.path.Sure, key: l.key}
}

// Continues tells that the request belongs to a session that somebody has.
func (l *Lead) Continues() bool { return l.must || l.path.Continues }

// Opens tells that the answer begins an Engine.IO session, and that Tell is to
// see it, which needs it as plain text.
func (l *Lead) Opens() bool { return l.path.Opens && !l.upstream.alone() }

// Answers notes that e, which was reached at peer, answers the request.
func (l *Lead) Answers(e *Endpoint, peer net.Addr) {
	if l.session != "" {
		l.upstream.guide.HasSession(l.session, e.reached(peer).identity)
	}
	if l.path.Opens && l.upstream.alone() {
		l.upstream.guide.Alone(l.path, e.reached(peer).identity)
	}
}

// Tell returns the beginning of an answer that opens a session as the client is
// to have it. If found is false, nothing was changed, and there was no sid yet.
func (l *Lead) Tell(body []byte, e *Endpoint, peer net.Addr) (told []byte, found bool) {
	return l.upstream.guide.Tag(l.path, body, e.reached(peer).identity)
}

// Peer tells whether who answers a request must be known by its address, and
// not only as an endpoint.
func (l *Lead) Peer(e *Endpoint) bool {
	return l.upstream != nil && e.hasAddresses() && (l.path.Opens || l.session != "" || l.upstream.affinity == config.AffinityCookie)
}

// Cookie returns the cookie that leads the client back to e, nil if it has it,
// or needs none. secure tells that the client asks by TLS, and foreign that
// pages of other sites may: their cookie comes back by TLS alone.
func (l *Lead) Cookie(e *Endpoint, peer net.Addr, secure, foreign bool) *http.Cookie {
	if l.upstream == nil || l.upstream.affinity != config.AffinityCookie || l.upstream.alone() {
		return nil
	}
	identity := e.reached(peer).identity
	if l.to.Endpoint != nil && l.to.identity == identity {
		return nil
	}
	site := l.upstream.sameSite
	switch {
	case site != 0:
	case secure && foreign:
		site = http.SameSiteNoneMode
	default:
		site = http.SameSiteLaxMode
	}
	return &http.Cookie{
		Name: l.upstream.cookie, Value: l.upstream.guide.Cookie(identity),
		Path: "/", HttpOnly: true, SameSite: site, Secure: secure || site == http.SameSiteNoneMode,
	}
}

// alone tells that u has one target, which needs no telling apart.
func (u *Upstream) alone() bool {
	if len(u.members) != 1 {
		return false
	}
	e := u.members[0].Endpoint
	return !e.hasAddresses() || len(e.names.known()) == 1
}

// cookieName is the same in every usher, and does not tell the upstream's name.
func cookieName(upstream string) string {
	sum := sha256.Sum256([]byte(upstream))
	return "usher_" + hex.EncodeToString(sum[:4])
}
