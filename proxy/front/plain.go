package front

import (
	"net"
	"net/http"
	"strconv"
	"strings"

	"usher/proxy/headers"
	"usher/proxy/refusal"
)

// errNoHost is the answer to who can't be told where to go.
var errNoHost = &refusal.Error{Status: http.StatusBadRequest, Reason: refusal.Path, Rule: "Host must be named to be led to https (RFC 9110, 7.2)"}

// servePlain answers what comes without TLS and never goes to a route: an
// authority's challenges, and all requests on a listener that leads to https.
func (s *Site) servePlain(w http.ResponseWriter, r *http.Request, sender headers.Sender) bool {
	if s.Certs != nil && s.Certs.Challenge(w, r) {
		return true
	}
	if !leads(r) {
		return false
	}
	if r.RequestURI == "*" {
		refusal.TellOptions(w)
		return true
	}
	if r.Host == "" {
		s.Refuse(w, r, sender, errNoHost)
		return true
	}
	w.Header()["Connection"] = []string{"close"} // it comes back on another
	refusal.Redirect(w, r, http.StatusPermanentRedirect, "https://"+s.secureHost(r.Host)+r.RequestURI, "use https")
	return true
}

// leads tells whether r came to a listener that leads to https.
func leads(r *http.Request) bool {
	plain, ok := connOf(r).(*conn)
	return ok && plain.client.how.Leads
}

// secureHost is the host that the client asked for, at the port that it is led
// to.
func (s *Site) secureHost(asked string) string {
	if host, _, err := net.SplitHostPort(asked); err == nil {
		asked = host
		if strings.Contains(host, ":") {
			asked = "[" + host + "]"
		}
	}
	if s.Port != 0 {
		return asked + ":" + strconv.Itoa(s.Port)
	}
	return asked
}
