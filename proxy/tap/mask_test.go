package tap

import "testing"

func TestMask(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`40`, `40`},
		{`0`, `0`},
		{`40/admin`, `40/admin`},
		{`40/admin,`, `40/admin,`},
		{`40{"anything":"abc"}`, `40***`},
		{`40/admin,{"anything":"abc"}`, `40/admin,***`},
		{`0/admin,{"anything":"abc"}`, `0/admin,***`},
		{`0{"anything":"abc"}`, `0***`},
		{`40/admin?x=abc,`, `40/admin?***`},
		{`0{"sid":"abc","upgrades":["websocket"]}`, `0{"sid":"***","upgrades":["websocket"]}`},
		{`42["auth","abc"]`, `42["auth","***"]`},
		{`42["login",{"user":"ann","password":"abc"}]`, `42["login",{"user":"ann","password":"***"}]`},
		{`42["auth",{"any":"abc"},1]`, `42["auth",***,1]`},
		{`41/admin,`, `41/admin,`},
		{`44/admin,{"message":"no"}`, `44/admin,{"message":"no"}`},
	} {
		if got := mask(tt.text, false); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}
