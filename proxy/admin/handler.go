package admin

import (
	"crypto/cipher"
	"log/slog"
	"net/http"
	"time"

	"usher/proxy/config"
)

// APIHeader stands in each answer of a Handler, whatever its status. Orders must
// not seem to be done by who only answers 200 at an address that was mistaken.
const (
	APIHeader  = "Usher-Api"
	apiVersion = "v1"
)

// Handler answers at the operators' address. All fields are required but Page
// and Metrics.
type Handler struct {
	Broker  Broker
	Log     *slog.Logger
	Page    http.Handler // for what is not the API's; nil for 404
	Metrics http.Handler // for /metrics; nil for 404

	began  time.Time
	mux    *http.ServeMux
	origin *http.CrossOriginProtection
	roles  map[string]config.Role // that patterns of mux need; "" for none
	seal   cipher.AEAD            // of the cookies

	guesses *guesses
}

// NewHandler returns a handler for h.
func NewHandler(h Handler) *Handler {
	h.began, h.mux, h.origin, h.guesses = time.Now(), http.NewServeMux(), http.NewCrossOriginProtection(), new(guesses)
	h.seal, h.roles = newSeal(), make(map[string]config.Role)
	for pattern, serve := range map[string]func(*http.Request) (any, error){
		"GET /v1/status":         h.status,
		"GET /v1/sessions":       h.listSessions,
		"GET /v1/sessions/{id}":  h.oneSession,
		"GET /v1/sessions/ended": h.listEnded,
		"GET /v1/upstreams":      h.upstreams,
		"GET /v1/routes":         h.routes,
		"GET /v1/explain":        h.explain,
		"GET /v1/certificates":   h.certificates,
		"GET /v1/incidents":      h.incidents,
	} {
		h.handle(pattern, config.View, h.answers(serve))
	}
	for pattern, serve := range map[string]func(*http.Request) (any, error){
		"DELETE /v1/sessions/{id}": h.closeSession,
		"POST /v1/sessions/close":  h.closeSessions,
		"POST /v1/reload":          h.reload,
		"POST /v1/upgrade":         h.upgrade,
		"POST /v1/drain":           h.drain,
		"POST /v1/enable":          h.enable,
	} {
		h.handle(pattern, config.Operate, h.answers(serve))
	}
	h.handle("GET /v1/tap", config.Operate, http.HandlerFunc(h.tap)) // it shows what clients say
	h.handle("POST /v1/logout", config.View, http.HandlerFunc(h.logout))
	if h.Metrics != nil {
		h.handle("GET /metrics", config.View, h.Metrics)
	}
	h.open("POST /v1/login", http.HandlerFunc(h.login))
	h.open("/v1/", http.HandlerFunc(h.unknown))
	h.open("GET /livez", http.HandlerFunc(h.livez))
	h.open("GET /readyz", http.HandlerFunc(h.readyz))
	if h.Page != nil {
		h.open("/", h.Page)
	}
	return &h
}

// handle serves a pattern to those who have the role.
func (h *Handler) handle(pattern string, role config.Role, serve http.Handler) {
	h.roles[pattern] = role
	h.mux.Handle(pattern, h.needs(role, serve))
}

// open serves a pattern to whoever is let in.
func (h *Handler) open(pattern string, serve http.Handler) {
	h.roles[pattern] = ""
	h.mux.Handle(pattern, serve)
}

// ServeHTTP serves requests that pass the protection.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set(APIHeader, apiVersion)
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("X-Frame-Options", "DENY")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
	who, err := h.admit(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	h.mux.ServeHTTP(w, who.at(r))
}

// answers makes a handler of what returns a value for JSON or an error.
func (h *Handler) answers(serve func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := serve(r)
		if err != nil {
			h.refuse(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, v)
	})
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := errorOf(err)
	if e.Status == http.StatusUnauthorized {
		h.challenge(w, r)
		e = &Error{Status: e.Status, Text: e.Text, Ways: h.ways()}
	}
	if e.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "10")
	}
	h.Log.Debug("operator's request refused", "method", r.Method, "path", r.URL.Path, "status", e.Status, "error", e.Text)
	writeJSON(w, e.Status, e)
}

func (h *Handler) unknown(w http.ResponseWriter, r *http.Request) {
	h.refuse(w, r, failure(http.StatusNotFound, "there is no %s %s", r.Method, r.URL.Path))
}

func (h *Handler) livez(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "alive") }

func (h *Handler) readyz(w http.ResponseWriter, _ *http.Request) {
	phase := h.Broker.Phase()
	status := http.StatusOK
	if !phase.Ready() {
		status = http.StatusServiceUnavailable
	}
	writeText(w, status, string(phase))
}
