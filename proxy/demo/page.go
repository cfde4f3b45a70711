package demo

import (
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"time"
)

//go:embed page
var files embed.FS

// page serves the page, and the one thing that it asks of the demo itself.
type page struct {
	*http.Server
	address string
}

// startPage serves until Close.
func startPage(services services) (*page, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &page{
		Server:  &http.Server{Handler: pageHandler(services), ReadHeaderTimeout: 5 * time.Second},
		address: l.Addr().String(),
	}
	go p.serve(l)
	return p, nil
}

func (p *page) serve(l net.Listener) {
	_ = p.Serve(l) // it ends with Close, and there is nobody to tell otherwise
}

func pageHandler(services services) http.Handler {
	root, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // the name stands a few lines above
	}
	static := http.FileServerFS(root)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Content-Type-Options", "nosniff")
		static.ServeHTTP(w, r)
	})
	mux.HandleFunc("POST /kill/{name}", func(w http.ResponseWriter, r *http.Request) { kill(w, services.named(r.PathValue("name"))) })
	// Other pages in the same browser must not kill anything.
	return http.NewCrossOriginProtection().Handler(mux)
}

func kill(w http.ResponseWriter, s *service) {
	if s == nil {
		http.Error(w, "no such service", http.StatusNotFound)
		return
	}
	pid, err := s.kill()
	switch {
	case errors.Is(err, errNoProcess):
		http.Error(w, err.Error(), http.StatusConflict)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]int{"pid": pid}) // the client is gone: nobody to tell
	}
}
