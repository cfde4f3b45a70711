package namespaces

import (
	"net/netip"
	"testing"
)

func TestCaps(t *testing.T) {
	c := newCaps()
	one, two := place{"/socket.io", netip.MustParseAddr("192.0.2.1")}, place{"/socket.io", netip.MustParseAddr("192.0.2.2")}
	other, nobody := place{"/other", one.client}, place{route: "/socket.io"}
	want := func(why string, at place, full, crowded bool) {
		t.Helper()
		if f, cr := c.enter(at, 4, 2); f != full || cr != crowded {
			t.Errorf("%s: got full %t, crowded %t, want %t, %t", why, f, cr, full, crowded)
		}
	}
	want("first", one, false, false)
	want("second", one, false, false)
	want("third of the address", one, false, true)
	want("another route", other, false, false)
	want("another address", two, false, false)
	want("no address", nobody, false, false)
	want("fifth of the route", two, true, false)
	c.leave(one)
	want("after one has left", one, false, false)
	for _, at := range []place{one, one, other, two, nobody} {
		c.leave(at)
	}
	if len(c.open) != 0 {
		t.Errorf("got %v, want nothing left", c.open)
	}
}
