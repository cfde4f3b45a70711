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
// Nothing here does I/O.
package affinity

import (
	"bytes"
	"errors"
	"net/url"
)

// ErrUnknown means that no endpoint is known for a sid: it was made up, or
// given by an endpoint that is no more. Engine.IO calls it code 1.
var ErrUnknown = errors.New("sid names no endpoint")

// Guide knows which endpoint of one upstream has which sid. It may be used by
// any number of goroutines.
type Guide struct {
	key     key
	learned *learned
}

// NewGuide returns a guide whose tags only those can make who know secret.
// Guides with the same secret understand each other's tags.
func NewGuide(secret []byte) *Guide {
	return &Guide{key: key(secret), learned: newLearned(maxLearned)}
}

// Path is where one request goes.
type Path struct {
	Endpoint string // its identity; "" for any
	Query    string // for the endpoint: the client's without the tag

	// Opens tells that the answer will have a new sid: it is to be given to
	// Tag before the client sees it.
	Opens bool
	// Upgrades tells that the request ends the polling of its sid if it is
	// answered 101: Forget may be called then.
	Upgrades bool

	sid      string
	revision revision
}

// Lead finds the endpoint, one of those given by their identities, for a
// request with the given query. A query that is not Engine.IO's may go
// anywhere, and so may one that begins a session. The error is ErrUnknown.
func (g *Guide) Lead(query string, endpoints []string) (Path, error) {
	q := scan(query)
	p := Path{Query: query, sid: q.sid, revision: q.revision}
	switch {
	case q.revision == 0:
		return p, nil
	case q.sid == "":
		p.Opens = q.polling
		return p, nil
	}
	p.Upgrades = !q.polling
	if q.revision == 3 {
		p.Endpoint = g.learned.get(q.sid)
		if p.Endpoint == "" {
			return p, ErrUnknown
		}
		return p, nil
	}
	sid, endpoint, ok := g.key.open(q.sid, endpoints)
	if !ok {
		return p, ErrUnknown
	}
	p.Endpoint, p.sid = endpoint, sid
	p.Query = query[:q.from] + url.QueryEscape(sid) + query[q.to:]
	return p, nil
}

// Tag returns body, the beginning of endpoint's answer to the request of p, as
// the client is to have it. A body without a sid is returned as it is.
func (g *Guide) Tag(p Path, body []byte, endpoint string) []byte {
	from, to := findSID(body)
	if !p.Opens || from == to {
		return body
	}
	sid := string(body[from:to])
	if p.revision == 3 {
		g.learned.put(sid, endpoint)
		return body
	}
	tagged := make([]byte, 0, len(body)+len(separator)+tagLength)
	tagged = append(tagged, body[:to]...)
	tagged = append(tagged, separator...)
	tagged = append(tagged, g.key.tag(sid, endpoint)...)
	return append(tagged, body[to:]...)
}

// Forget drops what was learned of the sid of p, which polls no more.
func (g *Guide) Forget(p Path) {
	if p.revision == 3 {
		g.learned.drop(p.sid)
	}
}

// findSID returns where the sid of an open packet stands in a polling answer,
// which may be JSONP: then its quotes are escaped. from == to if there is none.
func findSID(body []byte) (from, to int) {
	for _, start := range []string{`"sid":"`, `\"sid\":\"`} {
		at := bytes.Index(body, []byte(start))
		if at < 0 {
			continue
		}
		from = at + len(start)
		for to = from; to < len(body) && inSID(body[to]); to++ {
		}
		if to < len(body) && (body[to] == '"' || body[to] == '\\') {
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
