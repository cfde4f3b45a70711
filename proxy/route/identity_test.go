package route

import (
	"slices"
	"testing"
	"time"

	"usher/proxy/config"
)

func TestIdentity(t *testing.T) {
	main, admin := &config.Upstream{Name: "main"}, &config.Upstream{Name: "admin"}
	first := config.Route{Host: "a.example", Path: "/ws", Upstream: main, Relay: config.Frames}
	table := NewTable(&config.Config{Routes: []*config.Route{&first}})
	for _, tt := range []struct {
		name   string
		change func(r *config.Route)
		same   bool
	}{
		{"moved in the file", func(r *config.Route) { r.Line = 7 }, true},
		{"limits", func(r *config.Route) { r.Limits.IdleTimeout = time.Second }, true},
		{"origins", func(r *config.Route) { r.Origins = []string{"*"} }, true},
		{"headers", func(r *config.Route) { r.Headers.Remove = []string{"Cookie"} }, true},
		{"host", func(r *config.Route) { r.Host = "b.example" }, false},
		{"path", func(r *config.Route) { r.Path = "/wss" }, false},
		{"exact", func(r *config.Route) { r.Exact = true }, false},
		{"sockets only", func(r *config.Route) { r.Upgrade = config.OnlyWebSocket }, true},
		{"no sockets", func(r *config.Route) { r.Upgrade = config.NoUpgrade }, false},
		{"upstream", func(r *config.Route) { r.Upstream = admin }, false},
		{"strip_prefix", func(r *config.Route) { r.StripPrefix = "/ws" }, false},
		{"replace_prefix", func(r *config.Route) { r.ReplacePrefix = "/ws" }, false},
		{"slash", func(r *config.Route) { r.Slash = true }, true},
		{"relay", func(r *config.Route) { r.Relay = config.Messages }, false},
		{"namespaces", func(r *config.Route) { namespaces(r, "/", main) }, false},
	} {
		r := first
		tt.change(&r)
		if got := table.Has(newRoute(&r).Identity); got != tt.same {
			t.Errorf("%s: got the same identity %t, want %t", tt.name, got, tt.same)
		}
	}
}

func namespaces(r *config.Route, name string, u *config.Upstream) {
	r.Namespaces = append(slices.Clip(r.Namespaces), &config.Namespace{Text: name, Exact: name, Upstream: u})
	if r.SocketIO == nil {
		r.SocketIO = &config.SocketIO{Bundle: u}
	}
}

func TestIdentityOfNamespaces(t *testing.T) {
	main, admin := &config.Upstream{Name: "main"}, &config.Upstream{Name: "admin"}
	first := config.Route{Path: "/socket.io", Upstream: main, Relay: config.Frames}
	namespaces(&first, "/", main)
	namespaces(&first, "/admin", admin)
	table := NewTable(&config.Config{Routes: []*config.Route{&first}})
	for _, tt := range []struct {
		name   string
		change func(r *config.Route, s *config.SocketIO)
		same   bool
	}{
		{"moved in the file", func(r *config.Route, _ *config.SocketIO) {
			moved := *r.Namespaces[1]
			moved.Line = 9
			r.Namespaces = []*config.Namespace{r.Namespaces[0], &moved}
		}, true},
		{"limits", func(_ *config.Route, s *config.SocketIO) { s.MaxPayload = 1 }, true},
		{"compress", func(r *config.Route, _ *config.SocketIO) { r.Compress = true }, true},
		{"eager", func(_ *config.Route, s *config.SocketIO) { s.Eager = []*config.Upstream{main} }, true},
		{"bundle", func(_ *config.Route, s *config.SocketIO) { s.Bundle = admin }, true},
		{"another namespace", func(r *config.Route, _ *config.SocketIO) { namespaces(r, "/x", main) }, false},
		{"a namespace's upstream", func(r *config.Route, _ *config.SocketIO) {
			r.Namespaces = r.Namespaces[:1:1]
			namespaces(r, "/admin", main)
		}, false},
		{"on_loss", func(_ *config.Route, s *config.SocketIO) {
			s.OnLoss = map[*config.Upstream]config.OnLoss{admin: config.Reconnect}
		}, false},
		{"on_loss as it is", func(_ *config.Route, s *config.SocketIO) {
			s.OnLoss = map[*config.Upstream]config.OnLoss{admin: config.Transport}
		}, true},
		{"fallback", func(_ *config.Route, s *config.SocketIO) { s.Fallback = main }, false},
	} {
		r, s := first, *first.SocketIO
		r.SocketIO = &s
		tt.change(&r, &s)
		if got := table.Has(newRoute(&r).Identity); got != tt.same {
			t.Errorf("%s: got the same identity %t, want %t", tt.name, got, tt.same)
		}
	}
}
