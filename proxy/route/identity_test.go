package route

import (
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
		{"upstream", func(r *config.Route) { r.Upstream = admin }, false},
		{"strip_prefix", func(r *config.Route) { r.StripPrefix = "/ws" }, false},
		{"relay", func(r *config.Route) { r.Relay = config.Messages }, false},
	} {
		r := first
		tt.change(&r)
		if got := table.Has(newRoute(&r).Identity); got != tt.same {
			t.Errorf("%s: got the same identity %t, want %t", tt.name, got, tt.same)
		}
	}
}
