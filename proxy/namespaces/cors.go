package namespaces

import (
	"net/http"

	"usher/proxy/engineio"
)

// preflightAge is how long, in seconds, a browser may remember a preflight.
const preflightAge = "600"

// allowOrigin lets a page of another origin read the answer. Whether it may
// speak with the route has been decided. The clients of Engine.IO 3 ask with
// credentials unless they are told not to, which "*" does not allow.
func (q *request) allowOrigin() {
	origin := q.http.Header["Origin"]
	if len(origin) == 0 {
		return
	}
	h := q.w.Header()
	credentials := q.Credentials || q.Version == engineio.V3
	if q.route.Origins != nil && q.route.Origins[0] == "*" && !credentials {
		h["Access-Control-Allow-Origin"] = []string{"*"}
		return
	}
	h["Access-Control-Allow-Origin"] = origin[:1:1]
	h["Vary"] = []string{"Origin"}
	if credentials {
		h["Access-Control-Allow-Credentials"] = []string{"true"}
	}
}

// preflight answers a browser that asks before it asks; no sid is needed.
func (q *request) preflight() bool {
	asked := q.http.Header["Access-Control-Request-Method"]
	if q.http.Method != http.MethodOptions || len(asked) == 0 && q.SID == "" {
		return false
	}
	h := q.w.Header()
	if len(q.http.Header["Origin"]) > 0 {
		h["Access-Control-Allow-Methods"] = []string{"GET,HEAD,PUT,PATCH,POST,DELETE"}
		h["Access-Control-Max-Age"] = []string{preflightAge}
		if wanted := q.http.Header["Access-Control-Request-Headers"]; len(wanted) > 0 {
			h["Access-Control-Allow-Headers"] = wanted[:1:1]
			h["Vary"] = append(h["Vary"], "Access-Control-Request-Headers")
		}
	}
	h["Content-Length"] = []string{"0"}
	q.w.WriteHeader(http.StatusNoContent)
	return true
}
