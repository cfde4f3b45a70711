package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"time"

	"usher/proxy/refusal"
)

// Connect is what a client gives to join a namespace.
type Connect struct {
	Data  []byte // JSON of clients 3 and 4
	Query string // of the namespace, or of the handshake for "/", of clients 1 and 2
	Old   bool   // it is of clients 1 and 2
}

// Join lets a client into a namespace, or says why not: the error is a
// *refusal.Error. Ends is when what lets it in does, 0 for never. It may wait for
// another process, and ends with ctx.
func (g *Gate) Join(ctx context.Context, c Connect, route string, now time.Time) (granted Grant, ends int64, err error) {
	t, ok := g.way.(*tokens)
	if !ok {
		return granted, 0, unknown("auth of a namespace is jwt", nil)
	}
	began := time.Now()
	granted, ends, err = t.join(ctx, c, now)
	g.keep.took[g.kind].Observe(time.Since(began))
	switch e, _ := err.(*refusal.Error); { //nolint:errorlint // join does not wrap it
	case err == nil:
		g.keep.count(route, g.kind, allowed)
	case e.Reason == refusal.Auth:
		g.keep.count(route, g.kind, refused)
	default:
		g.keep.count(route, g.kind, unavailable)
	}
	return granted, ends, err
}

func (t *tokens) join(ctx context.Context, c Connect, now time.Time) (g Grant, ends int64, err error) {
	raw := ""
	for _, s := range t.From {
		if raw, err = c.token(s.Name); err != nil {
			return g, 0, t.no(err)
		}
		if raw != "" {
			break
		}
	}
	if raw == "" {
		return g, 0, t.no(errNone)
	}
	// Its end counts also for what is sent again where the session is kept.
	all := *t
	all.JWTAuth = new(*t.JWTAuth)
	all.Expiry.Keep = false
	g, wait, err := all.verify(raw, now)
	if wait {
		if err := t.keys.fetch(ctx, now); err != nil {
			return Grant{}, 0, unknown("the key set of jwt cannot be read", err)
		}
		g, _, err = all.verify(raw, now)
	}
	if err != nil {
		return Grant{}, 0, t.no(err)
	}
	if ends = g.Expires; t.Expiry.Keep {
		g.Expires = 0
	}
	return g, ends, nil
}

// token returns what stands under a name, "" for nothing. Two are none that all
// would agree on.
func (c Connect) token(name string) (string, error) {
	if !c.Old {
		return member(c.Data, name)
	}
	values, err := url.ParseQuery(c.Query)
	switch list := values[name]; {
	case err != nil:
		return "", errMalformed
	case len(list) > 1:
		return "", errSeveral
	case len(list) == 1:
		return list[0], nil
	}
	return "", nil
}

// member returns a string of an object.
func member(object []byte, name string) (found string, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", nil //nolint:nilerr // there is no object
	}
	seen := false
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return "", errMalformed
		}
		if key != name {
			continue
		}
		if seen {
			return "", errSeveral
		}
		if seen = true; json.Unmarshal(value, &found) != nil {
			return "", errMalformed
		}
	}
	return found, nil
}
