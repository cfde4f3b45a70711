package forward

import (
	"io"
	"net/http"

	"usher/proxy/headers"
	"usher/proxy/route"
)

// trailing is the body of a request with trailers, which are known when it has
// been read.
type trailing struct {
	io.ReadCloser
	from http.Header // of the client; filled by net/http before Read returns io.EOF
	to   http.Header // of the upstream's request: the names that were announced and may pass
}

// passTrailers has out end with those trailers of in that the route m lets
// pass. The clone's are never filled in.
func passTrailers(out, in *http.Request, m route.Match, rules headers.Rules) {
	out.Trailer = rules.Trailers(in.Trailer, m.Route.Headers)
	if len(out.Trailer) > 0 {
		out.Body = &trailing{out.Body, in.Trailer, out.Trailer}
	}
}

func (t *trailing) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if err == io.EOF {
		for name := range t.to {
			t.to[name] = t.from[name]
		}
	}
	return n, err
}
