package config

import "testing"

// Who can come by several ways has the greater role, so that is asked about first.
func TestAdminAuth(t *testing.T) {
	c := mustParse(t, "admin:\n  address: ':9901'\n  auth: [{basic: {users: a}}, {basic: {users: b}, role: view}, {basic: {users: c}, role: operate}]\nupstreams: {main: http://a}\nroutes: [{upstream: main}]\n")
	var got []string
	for _, way := range c.Admin.Auth {
		got = append(got, way.Basic.Users+":"+string(way.Role))
	}
	want(t, "ways", got, []string{"c:operate", "a:view", "b:view"})
	for _, tt := range []struct {
		has, needs Role
		want       bool
	}{{View, View, true}, {View, Operate, false}, {Operate, View, true}, {Operate, Operate, true}, {"", View, false}, {"", Operate, false}} {
		if got := tt.has.Allows(tt.needs); got != tt.want {
			t.Errorf("%q for what needs %q: got %v", tt.has, tt.needs, got)
		}
	}
}
