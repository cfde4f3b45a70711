package command

import (
	"strings"
	"testing"

	"usher/proxy/affinity"
	"usher/proxy/config"
	"usher/proxy/fleet/keys"
)

// A sid says which node is asked.
func TestNodeRule(t *testing.T) {
	f := config.Fleet{Secrets: []string{"0123456789abcdef0123456789abcdef"}, Node: config.Node{ID: "a1"}}
	all := keys.New(f.Secrets).All(keys.Affinity)
	own, other := affinity.NewNodes(all, "a1"), affinity.NewNodes(all, "b2")
	nameless := f
	nameless.Node.ID = ""
	for _, tt := range []struct {
		name, sid, want string
		file            config.Fleet
	}{
		{"own", own.New(4), "this one, a1, has the session", f},
		{"own, revision 3", own.New(3), "this one, a1, has the session, unless", f},
		{"another", other.New(4), "b2 has the session: ", f},
		{"another, revision 3", other.New(3), "another one has the session", f},
		{"made up", "lv_VI97HAXpY6yYWAAAC", "no node of this fleet", f},
		{"ids are made up", own.New(4), "a1 has the session: ", nameless},
	} {
		if got := nodeRule(tt.file, tt.sid); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
