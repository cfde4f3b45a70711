package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"usher/proxy/config"
)

// admit says who a request comes from, or why it is not served.
func (h *Handler) admit(r *http.Request) (Operator, error) {
	d := h.door()
	if err := h.protect(r, d.Admin); err != nil {
		return Operator{}, err
	}
	if isOpen(r.URL.Path) {
		return Operator{}, nil
	}
	return h.identify(r, d)
}

// protect says why a request is not served, whoever it comes from; nil if it may be.
func (h *Handler) protect(r *http.Request, to config.Admin) error {
	if from, _ := netip.ParseAddrPort(r.RemoteAddr); !to.Access.Admits(from.Addr().Unmap().WithZone("")) {
		return failure(http.StatusForbidden, "this address may not come here")
	}
	if !to.Guarded() && !isProbe(r.URL.Path) && !namedBy(to, r.Host) {
		return failure(http.StatusMisdirectedRequest, "host %q does not name the operators' address", r.Host)
	}
	if err := h.origin.Check(asOrder(r)); err != nil {
		return failure(http.StatusForbidden, "the request comes from another origin")
	}
	if r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/json" {
			return failure(http.StatusUnsupportedMediaType, "the content type must be application/json")
		}
	}
	if to.Guarded() && shows(r) && !h.guesses.allowed(r.RemoteAddr, time.Now()) {
		return errGuesses
	}
	return nil
}

// asOrder is r as an order, which another origin must not give; nor may it have
// anything else, such as an EventSource or a tap. But it may lead here.
func asOrder(r *http.Request) *http.Request {
	if r.Header.Get("Sec-Fetch-Mode") == "navigate" {
		return r
	}
	order := *r
	order.Method = http.MethodPost
	return &order
}

// errGuesses tells nothing of what came with it.
var errGuesses = failure(http.StatusTooManyRequests, "too many wrong tokens and passwords have come from this address: wait 10 s")

// shows tells whether a token or a password comes with r. A cookie is none: it can't be
// guessed, and pages go on showing one that has become worthless.
func shows(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || r.URL.Path == "/v1/login"
}

// namedBy tells whether a Host header names the operators' address. A page that
// has a name of its own lead here, by DNS, gives itself away by that name; a
// port it cannot choose, but whoever forwards one may. Addresses cannot be led
// elsewhere, so a listener on all of them takes any. Where operators must show
// who they are no name is asked for: that page has neither what they show nor the
// cookie, which a browser keeps for the name that it was given under.
func namedBy(to config.Admin, hostport string) bool {
	if strings.HasPrefix(to.Address, "unix:") {
		return true // no page can name it
	}
	host := config.NormalHost(hostport)
	ip, err := netip.ParseAddr(host)
	own, _, _ := net.SplitHostPort(to.Address)
	bound, boundErr := netip.ParseAddr(own)
	all := own == "" || boundErr == nil && bound.IsUnspecified()
	switch {
	case host == "":
		return false
	case host == "localhost" || strings.EqualFold(host, own):
		return true
	case err != nil:
		return false
	}
	return ip.IsLoopback() || all || boundErr == nil && ip == bound
}

// isOpen tells whether a path is served to everybody: pages, which have
// nothing but themselves, and what machines ask for.
func isOpen(path string) bool {
	return isProbe(path) || path == "/v1/login" || path != "/metrics" && path != "/v1" && !strings.HasPrefix(path, "/v1/")
}

// isProbe tells whether a path says no more than that usher lives, to machines
// that call it by the name of a service.
func isProbe(path string) bool { return path == "/livez" || path == "/readyz" }

// same compares in a time that tells nothing of either, not even the length.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
