package socketio

import "testing"

func TestAppend(t *testing.T) {
	for _, tt := range []struct{ name, got, want string }{
		{"root connects", string(AppendConnect(nil, []byte("/"), nil)), "0"},
		{"connect", string(AppendConnect(nil, []byte("/a"), []byte(`{"sid":"x"}`))), `0/a,{"sid":"x"}`},
		{"root disconnects", string(AppendDisconnect(nil, []byte("/"))), "1"},
		{"disconnect", string(AppendDisconnect(nil, []byte("/a"))), "1/a,"},
		{"8.2 unknown", string(AppendConnectError(nil, []byte("/nope"), "Invalid namespace", nil)), `4/nope,{"message":"Invalid namespace"}`},
		{"with data", string(AppendConnectError(nil, []byte("/"), `no "x"`, []byte(`{"code":1}`))), `4{"message":"no \"x\"","data":{"code":1}}`},
		{"8.2 unknown in protocol 4", string(AppendError(nil, []byte("/nope"), "Invalid namespace")), `4/nope,"Invalid namespace"`},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

func TestAppendWithID(t *testing.T) {
	for _, tt := range []struct {
		wire string
		id   uint64
		want string
	}{
		{`20["a"]`, 1 << 40, `21099511627776["a"]`},
		{`2/admin,7["a"]`, 7 + 2<<40, `2/admin,2199023255559["a"]`},
		{`31099511627776[]`, 0, `30[]`},
		{`61-/admin,1099511627777[]`, 1, `61-/admin,1[]`},
		{`2["no id"]`, 5, `25["no id"]`},
	} {
		p := []byte(tt.wire)
		h, _, err := ParseHeader(p, true)
		if got := string(AppendWithID(nil, p, h, tt.id)); got != tt.want || err != nil {
			t.Errorf("%s with %d: got %s, error %v, want %s", tt.wire, tt.id, got, err, tt.want)
		}
	}
}
