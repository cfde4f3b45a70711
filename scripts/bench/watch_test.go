//go:build linux

package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

func TestWatching(t *testing.T) {
	why := errors.New("it fails")
	for _, tt := range []struct {
		w    watcher
		want error
	}{
		{nil, nil},
		{func(ctx context.Context, _ place) error { <-ctx.Done(); return nil }, nil},
		{func(context.Context, place) error { return why }, why},
	} {
		g := watch(t.Context(), tt.w, place{})
		for range 2 {
			if err := g.end(); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		}
	}
	var none *watching
	if err := none.end(); err != nil {
		t.Errorf("nobody: got %v", err)
	}
}

func TestWatchedUsherHasAdmin(t *testing.T) {
	p := place{dir: "/d", listen: "127.0.0.1:1", upstream: "127.0.0.1:2"}
	x := watched(newUsher(usherBinary{name: "usher"}, ""), watchedUsher, look)
	if got, want := p.fill(x.files(p)["routes.yaml"]), "admin: unix:/d/admin.sock\n"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin with %q", got, want)
	}
	if x.name != watchedUsher || x.watch == nil {
		t.Errorf("got %q, watched: %t", x.name, x.watch != nil)
	}
}

// look asks for all that there is to see, and says what is refused.
func TestLook(t *testing.T) {
	p := place{dir: t.TempDir()}
	l, err := net.Listen("unix", filepath.Join(p.dir, adminSocket))
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 3)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked <- r.URL.Path; r.URL.Path == "/v1/sessions" {
			http.Error(w, "no", http.StatusForbidden)
		}
	})}
	go s.Serve(l)
	defer s.Close()
	if err := look(t.Context(), p); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("got %v, want the refusal", err)
	}
	for _, want := range []string{"/metrics", "/v1/status", "/v1/sessions"} {
		if got := <-asked; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
