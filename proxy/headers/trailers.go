package headers

import (
	"net/http"
	"slices"
	"strings"

	"usher/proxy/config"
)

// notTrailing are headers that must not be trailers, besides those that usher
// decides about: what they say counts before the body, and a check that looks at
// headers alone would miss them (RFC 9110, 6.5.1).
var notTrailing = map[string]bool{
	"Accept-Encoding":        true,
	"Authorization":          true,
	"Cache-Control":          true,
	"Content-Encoding":       true,
	"Content-Location":       true,
	"Content-Range":          true,
	"Content-Type":           true,
	"Cookie":                 true,
	"Expect":                 true,
	"Max-Forwards":           true,
	"Origin":                 true,
	"Pragma":                 true,
	"Range":                  true,
	"Referer":                true,
	"Set-Cookie":             true,
	"Traceparent":            true,
	"Tracestate":             true,
	"X-Http-Method":          true,
	"X-Http-Method-Override": true,
	"X-Method-Override":      true,
}

// Trailers returns those of announced, a request's trailers, that may pass: some
// upstreams merge them with the headers, so that no name may be among them that
// usher decides about, whoever sent it, nor one that auth gives, nor one that says
// how to read or whether to serve the request.
func (rules Rules) Trailers(announced http.Header, changes config.Headers) http.Header {
	pass := make(http.Header, len(announced))
	for name, values := range announced {
		if meant := Meaning(name); !isOurs(meant, changes) && !notTrailing[meant] && !slices.Contains(rules.Given, meant) && !strings.HasPrefix(meant, "If-") {
			pass[name] = values
		}
	}
	return pass
}
