package config

import (
	"strings"
	"testing"
)

func TestQuota(t *testing.T) {
	c := mustParseFile(t, "quota")
	q := c.Routes[0].Quota
	want(t, "connections", c.Quota.Connections, 1000)
	want(t, "inherited", []any{q.Requests, q.Sessions, q.SessionsPerAddress}, []any{RequestRate{50, 200, false}, Bound{50000, false}, Bound{200, false}})
	q = c.Routes[1].Quota
	want(t, "own", []any{q.Requests, q.Sessions, q.SessionsPerAddress, len(q.Exempt)}, []any{RequestRate{1, 1, true}, Bound{5, true}, Bound{200, false}, 1})
	want(t, "none", c.Routes[2].Quota.Sessions, Bound{0, true})
	q = c.Routes[3].Quota
	want(t, "namespaces, inherited", []any{q.Sessions, q.SessionsPerAddress}, []any{Bound{50000, false}, Bound{200, false}})
	q = c.Routes[4].Quota
	want(t, "namespaces, own", []any{q.Sessions, q.SessionsPerAddress}, []any{Bound{7, true}, Bound{3, true}})
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].Error(), "max_sessions_per_address is called sessions_per_address now") {
		t.Errorf("got %v, want a note on the old key", c.Warnings)
	}
	q = mustParse(t, "upstreams: {main: http://a}\nroutes: [{namespaces: {/: main}, path: /x}]\n").Routes[0].Quota
	want(t, "namespaces, default", []any{q.Sessions, q.SessionsPerAddress}, []any{Bound{100000, true}, Bound{10000, true}})
}
