package upstream

import (
	"context"
	"net/http"
	"net/netip"

	"usher/proxy/config"
)

type askerKey struct{}

type asker struct {
	request *http.Request
	client  netip.Addr
}

// WithRequest returns a context for Pick and Dial that says for which request
// of which client they are called, so that an upstream can lead the same client
// to the same endpoint.
func WithRequest(ctx context.Context, r *http.Request, client netip.Addr) context.Context {
	return context.WithValue(ctx, askerKey{}, asker{r, client})
}

// key returns what tells the client apart from others; "" if nothing does.
func (u *Upstream) key(ctx context.Context, t *Tries) string {
	if t.key != "" {
		return t.key
	}
	if u.balance != config.ByHash {
		return ""
	}
	a, ok := ctx.Value(askerKey{}).(asker)
	if !ok {
		return ""
	}
	switch u.hash.By {
	case config.HashHeader:
		return a.request.Header.Get(u.hash.Name)
	case config.HashCookie:
		if c, err := a.request.Cookie(u.hash.Name); err == nil {
			return c.Value
		}
	case config.HashQuery:
		return a.request.URL.Query().Get(u.hash.Name)
	case config.HashPath:
		return partOfPath(u.hash, a.request.URL.EscapedPath())
	case config.HashIP:
		if a.client.IsValid() {
			return a.client.String()
		}
	}
	return ""
}
