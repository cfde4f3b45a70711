package front

import (
	"net/http"

	"usher/proxy/headers"
	"usher/proxy/http1"
	"usher/proxy/refusal"
)

// errScheme is the answer to a target of another scheme than the connection's.
var errScheme = &refusal.Error{Status: http.StatusBadRequest, Reason: refusal.Path, Rule: "scheme of the target must be that of the connection (RFC 9110, 7.4)"}

// originForm has the target of r in the form that all further code knows, if a
// client has sent it with scheme and host, as one does that takes usher for its
// proxy. net/http has made that host the request's already, in place of the Host
// header (RFC 9112, 3.2.2).
func originForm(r *http.Request, sender headers.Sender) error {
	if r.ProtoMajor != 1 {
		return nil
	}
	scheme, rest, ok := http1.Absolute(r.RequestURI)
	if !ok {
		return nil
	}
	switch {
	case rest == "" && r.Method == http.MethodOptions:
		rest = "*" // RFC 9112, 3.2.4
	case rest == "" || rest[0] == '?':
		rest = "/" + rest
	}
	r.RequestURI, r.URL.Scheme, r.URL.Host = rest, "", ""
	if r.URL.Path == "" {
		r.URL.Path = "/"
	}
	if scheme != connectionScheme(r) && scheme != sender.Proto {
		return errScheme
	}
	return nil
}

func connectionScheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}
