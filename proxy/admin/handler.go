package admin

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"time"
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
	key    [32]byte // of the cookies

	guesses *guesses
}

// NewHandler returns a handler for h.
func NewHandler(h Handler) *Handler {
	h.began, h.mux, h.origin, h.guesses = time.Now(), http.NewServeMux(), http.NewCrossOriginProtection(), new(guesses)
	rand.Read(h.key[:])
	for pattern, serve := range map[string]func(*http.Request) (any, error){
		"GET /v1/status":           h.status,
		"GET /v1/sessions":         h.listSessions,
		"GET /v1/sessions/{id}":    h.oneSession,
		"DELETE /v1/sessions/{id}": h.closeSession,
		"POST /v1/sessions/close":  h.closeSessions,
		"GET /v1/sessions/ended":   h.listEnded,
		"GET /v1/upstreams":        h.upstreams,
		"GET /v1/routes":           h.routes,
		"GET /v1/explain":          h.explain,
		"GET /v1/certificates":     h.certificates,
		"POST /v1/reload":          h.reload,
		"POST /v1/upgrade":         h.upgrade,
		"POST /v1/drain":           h.drain,
		"POST /v1/enable":          h.enable,
	} {
		h.mux.Handle(pattern, h.answers(serve))
	}
	h.mux.HandleFunc("GET /v1/tap", h.tap)
	h.mux.HandleFunc("POST /v1/login", h.login)
	h.mux.HandleFunc("POST /v1/logout", h.logout)
	h.mux.HandleFunc("/v1/", h.unknown)
	h.mux.HandleFunc("GET /livez", h.livez)
	h.mux.HandleFunc("GET /readyz", h.readyz)
	if h.Metrics != nil {
		h.mux.Handle("GET /metrics", h.Metrics)
	}
	if h.Page != nil {
		h.mux.Handle("/", h.Page)
	}
	return &h
}

// Handle has another handler serve a pattern of http.ServeMux, behind the same
// protection. It is for before the first request.
func (h *Handler) Handle(pattern string, serve http.Handler) { h.mux.Handle(pattern, serve) }

// ServeHTTP serves requests that pass the protection.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set(APIHeader, apiVersion)
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("X-Frame-Options", "DENY")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
	if err := h.admit(r); err != nil {
		h.refuse(w, r, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	h.mux.ServeHTTP(w, r)
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
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Status: http.StatusInternalServerError, Text: err.Error()}
	}
	if e.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="usher"`)
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
