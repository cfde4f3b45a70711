// Package affinity leads the requests of one Engine.IO client to one endpoint,
// without cookies: polling and the upgrade of a session must meet the process
// that knows its sid, while each request comes by itself.
//
// Clients of Engine.IO 4 treat their sid as opaque. The answer to their first
// request is given a tag that names the endpoint, which comes back with every
// later one and is taken off before the endpoint sees it. Clients of Engine.IO 3
// use the sid as socket.id, which must be the same on both ends, so it is
// learned from the answer instead.
//
// Sessions of SockJS have their id in the path, and begin with any request: they
// are led by the id, and remembered.
//
// Nothing here does I/O.
package affinity

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"net/url"
	"slices"
	"sync/atomic"
)

// ErrUnknown means that no endpoint is known for a sid: it was made up, or
// given by an endpoint that is no more. Engine.IO calls it code 1.
var ErrUnknown = errors.New("sid names no endpoint")

// Guide knows which endpoint of one upstream has which sid. It may be used by
// any number of goroutines.
type Guide struct {
	key key
	*memory
}

// memory is what guides know that no request brings along.
type memory struct {
	learned  *learned               // by sid
	sessions *learned               // by id, of SockJS
	alone    atomic.Pointer[string] // the endpoint that has given sids without a tag; nil for none
}

// NewGuide returns a guide whose tags only those can make who know secret.
// Guides with the same secret understand each other's tags.
func NewGuide(secret []byte) *Guide {
	return &Guide{key: Derive(secret, "affinity"), memory: &memory{learned: newLearned(maxLearned), sessions: newLearned(maxLearned)}}
}

// Next returns a guide that knows all that g has learned, with another secret.
func (g *Guide) Next(secret []byte) *Guide {
	return &Guide{key: Derive(secret, "affinity"), memory: g.memory}
}

// Path is where one request goes.
type Path struct {
	Endpoint string // its identity; "" for any
	Query    string // for the endpoint: the client's without the tag

	// Sure tells that Endpoint has given the sid. If not, it is only the one
	// that may have, as no other has ever given sids without a tag.
	Sure bool
	// Opens tells that the answer will have a new sid: it is to be given to
	// Tag before the client sees it.
	Opens bool
	// Continues tells that the request has a sid.
	Continues bool
	// Polling tells that it is of that transport.
	Polling bool

	revision revision
}

// Lead finds the endpoint, one of those given by their identities, for a
// request with the given query. A query that is not Engine.IO's may go
// anywhere, and so may one that begins a session. The error is ErrUnknown.
func (g *Guide) Lead(query string, endpoints []string) (Path, error) {
	q := scan(query)
	p := Path{Query: query, Polling: q.polling, revision: q.revision}
	switch {
	case q.revision == 0:
		return p, nil
	case q.sid == "":
		p.Opens = q.polling
		return p, nil
	}
	p.Continues = true
	if sid, endpoint, ok := g.find(q, endpoints); ok {
		p.Endpoint, p.Sure = endpoint, true
		if sid != q.sid {
			p.Query = query[:q.from] + url.QueryEscape(sid) + query[q.to:]
		}
		return p, nil
	}
	p.Endpoint = g.only(endpoints)
	if p.Endpoint == "" {
		return p, ErrUnknown
	}
	return p, nil
}

// find returns the sid as its endpoint knows it.
func (g *Guide) find(q query, endpoints []string) (sid, endpoint string, ok bool) {
	if q.revision != 3 {
		return g.key.open(q.sid, endpoints)
	}
	endpoint = g.learned.get(q.sid)
	return q.sid, endpoint, slices.Contains(endpoints, endpoint)
}

// only returns the endpoint that has given sids without a tag, "" if there is
// none: that which is alone, or was before a reload.
func (g *Guide) only(endpoints []string) string {
	if len(endpoints) == 1 {
		return endpoints[0]
	}
	if e := g.alone.Load(); e != nil && slices.Contains(endpoints, *e) {
		return *e
	}
	return ""
}

// Alone notes that endpoint, which has no other beside it, answers the request
// of p: its sid needs no tag, but may still be in use when others have come.
func (g *Guide) Alone(p Path, endpoint string) {
	if last := g.alone.Load(); p.Opens && (last == nil || *last != endpoint) {
		g.alone.Store(&endpoint)
	}
}

// Tag returns body, the beginning of endpoint's answer to the request of p, as
// the client is to have it, and whether it has a sid. Otherwise it is returned
// as it is, and there may be one when more of the answer has come.
func (g *Guide) Tag(p Path, body []byte, endpoint string) (told []byte, found bool) {
	from, to := findSID(body)
	if !p.Opens || from == to {
		return body, false
	}
	sid := string(body[from:to])
	if p.revision == 3 {
		g.learned.put(sid, endpoint)
		return body, true
	}
	tagged := make([]byte, 0, len(body)+len(separator)+tagLength)
	tagged = append(tagged, body[:to]...)
	tagged = append(tagged, separator...)
	tagged = append(tagged, g.key.tag(sid, endpoint)...)
	return append(tagged, body[to:]...), true
}

// Cookie returns what a cookie holds that leads to endpoint.
func (g *Guide) Cookie(endpoint string) string { return g.key.cookie(endpoint) }

// ReadCookie returns the endpoint that a cookie leads to, "" if it is none of
// those given.
func (g *Guide) ReadCookie(value string, endpoints []string) string {
	found := ""
	for _, e := range endpoints {
		if hmac.Equal([]byte(value), []byte(g.key.cookie(e))) {
			found = e
		}
	}
	return found
}

// findSID returns where the sid of an open packet stands in a polling answer,
// which may be JSONP: then its quotes are escaped. from == to if there is none.
func findSID(body []byte) (from, to int) {
	for _, quote := range []string{`"`, `\"`} {
		start := quote + "sid" + quote + ":" + quote
		at := bytes.Index(body, []byte(start))
		if at < 0 {
			continue
		}
		from = at + len(start)
		for to = from; to < len(body) && inSID(body[to]); to++ {
		}
		if bytes.HasPrefix(body[to:], []byte(quote)) {
			return from, to
		}
	}
	return 0, 0
}

// inSID tells whether a generator of sids may use c. It is wider than that of
// the reference, which an application may replace.
func inSID(c byte) bool {
	return c > ' ' && c < 0x7f && c != '"' && c != '\\'
}
