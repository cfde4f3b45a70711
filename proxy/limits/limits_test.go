package limits

import (
	"errors"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"usher/proxy/config"
	"usher/proxy/leaktest"
	"usher/proxy/refusal"
	"usher/proxy/session"
)

func TestSessions(t *testing.T) {
	var s Sessions
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	q := &config.Quota{Sessions: config.Bound{Most: 4, Own: true}, SessionsPerAddress: config.Bound{Most: 2, Own: true}, Exempt: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	want := func(why, route string, client netip.Addr, want error) (leave func()) {
		t.Helper()
		leave, err := s.Enter(q, route, Client{Address: client})
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", why, err, want)
		}
		return leave
	}
	leaves := []func(){want("first", "/a", one, nil), want("second", "/a", one, nil)}
	want("third of the address", "/a", one, errCrowded)
	leaves = append(leaves, want("another route", "/b", one, nil), want("another address", "/a", two, nil), want("no address", "/a", netip.Addr{}, nil))
	want("fifth of the route", "/a", two, errFull)
	want("exempt", "/a", netip.MustParseAddr("10.0.0.1"), nil)()
	leaves[0]()
	leaves[0]() // counts once
	leaves = append(leaves, want("after one has left", "/a", one, nil))
	want("and no more", "/a", two, errFull)
	q.Sessions.Own, q.SessionsPerAddress.Own = false, false // all routes together
	leaves = append(leaves, want("of the file", "/a", one, nil), want("of the file", "/b", one, nil))
	want("third of the file", "/c", one, errCrowded)
	for _, leave := range leaves {
		leave()
	}
	if len(s.open) != 0 {
		t.Errorf("got %v, want nothing left", s.open)
	}
}

func TestRequests(t *testing.T) {
	r := NewRequests()
	now := time.Unix(1000, 0)
	q := &config.Quota{Requests: config.RequestRate{Rate: 2, Burst: 3}, Exempt: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	ask := func(why, route, client, after string) {
		t.Helper()
		_, err := r.Ask(q, route, netip.MustParseAddr(client), now)
		e, refused := errors.AsType[*refusal.Error](err)
		if got := refused && e.Status == 429; got != (after != "") || got && e.RetryAfter != after {
			t.Errorf("%s: got %v, want a refusal with Retry-After %q", why, err, after)
		}
	}
	for range 3 {
		ask("burst", "/", "192.0.2.1", "")
		ask("burst of IPv6", "/", "2001:db8::1", "")
	}
	ask("beyond", "/", "192.0.2.1", "1")
	ask("another route", "/b", "192.0.2.1", "1")
	ask("the same /64", "/", "2001:db8::ffff:1", "1")
	ask("another /64", "/", "2001:db8:0:1::1", "")
	ask("another address", "/", "192.0.2.2", "")
	ask("mapped", "/", "::ffff:192.0.2.1", "1")
	for range 10 {
		ask("exempt", "/", "10.0.0.1", "")
	}
	now = now.Add(500 * time.Millisecond)
	unask, err := r.Ask(q, "/", netip.MustParseAddr("192.0.2.1"), now)
	if err != nil {
		t.Fatalf("after a while: %v", err)
	}
	unask()
	ask("after a while, once more", "/", "192.0.2.1", "")
	ask("and no more", "/", "192.0.2.1", "1")
	q.Requests = config.RequestRate{Rate: 1, Burst: 1, Own: true}
	ask("own", "/", "192.0.2.1", "")
	ask("own, beyond", "/", "192.0.2.1", "1")
	ask("own of another", "/b", "192.0.2.1", "")
	q.Requests = config.RequestRate{Rate: 100, Burst: 100, Own: true} // by a reload
	ask("reloaded", "/b", "192.0.2.2", "")
	ask("reloaded, as it was", "/", "192.0.2.1", "1")
	now = now.Add(time.Second)
	for range 50 {
		ask("reloaded", "/", "192.0.2.1", "")
	}
	if _, err := r.Ask(q, "/", netip.Addr{}, now); err != nil {
		t.Errorf("no address: got %v", err)
	}
}

// A million addresses are kept, at 120 bytes each or less, and no more; who asks
// is not forgotten.
func TestRequestsAreBounded(t *testing.T) {
	r := NewRequests()
	if os.Getenv("USHER_FULL_TESTS") == "" {
		r.most = maxKept / 10
	}
	now := time.Unix(1000, 0)
	q := &config.Quota{Requests: config.RequestRate{Rate: 1, Burst: 1}}
	before := leaktest.Heap()
	client := netip.MustParseAddr("10.0.0.0")
	steady := netip.MustParseAddr("192.0.2.1")
	r.Ask(q, "/", steady, now)
	for i := range 3 * r.most {
		if _, err := r.Ask(q, "/", client, now); err != nil {
			t.Fatalf("address %d: refused", i)
		}
		if i%1000 == 0 {
			if _, err := r.Ask(q, "/", steady, now); err == nil {
				t.Fatalf("after %d addresses one that asks all the time is forgotten", i)
			}
		}
		client = client.Next()
	}
	n := len(r.young) + len(r.old)
	each := int(leaktest.Heap()-before) / n
	t.Logf("%d addresses of %d bytes each", n, each)
	if n > r.most || each > 120 {
		t.Errorf("got %d addresses of %d bytes, want at most %d of 120", n, each, r.most)
	}
	runtime.KeepAlive(r)
}

func BenchmarkAsk(b *testing.B) {
	r := NewRequests()
	q := &config.Quota{Requests: config.RequestRate{Rate: 1e6, Burst: 1e6}}
	client := netip.MustParseAddr("10.0.0.0")
	for b.Loop() {
		r.Ask(q, "/", client, time.Now())
	}
}

// A user is counted by seats, of handshakes too; those that have moved here count, and
// the oldest of those that have begun make room.
func TestSessionsOfUser(t *testing.T) {
	var s Sessions
	r := session.NewRegistry(func(*session.Session, session.End) {})
	user, other := &session.Mark{1}, &session.Mark{2}
	q := &config.Quota{SessionsPerUser: config.UserBound{Bound: config.Bound{Most: 2}, By: "X-User"}}
	var leaves []func()
	enter := func(why string, u *session.Mark, want error) {
		t.Helper()
		leave, err := s.Enter(q, "/", Client{User: u})
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", why, err, want)
		} else if err == nil {
			leaves = append(leaves, leave)
		}
	}
	leaves = append(leaves, s.Hold(q, "/", Client{User: user}))
	enter("second", user, nil)
	enter("third", user, errUser)
	enter("another", other, nil)
	for range 3 {
		enter("nobody", nil, nil)
	}
	q.SessionsPerUser.CloseOldest = true // by a reload
	enter("third, where the oldest is closed", user, nil)
	var open []*session.Session
	for i, want := range []int{0, 0, 1} {
		x := r.Open(session.Info{User: user})
		open = append(open, x)
		if got := s.Begun(q, "/", x); len(got) != want || want > 0 && got[0] != open[0] {
			t.Errorf("session %d: got %v to be closed, want %d", i, got, want)
		}
	}
	open[1].End(session.End{})
	if got := s.Begun(q, "/", r.Open(session.Info{User: user})); len(got) != 0 {
		t.Errorf("after one has ended: got %v to be closed, want none", got)
	}
	for _, leave := range leaves {
		leave()
		leave() // counts once
	}
	if len(s.users)+len(s.open) != 0 {
		t.Errorf("got %v and %v, want nothing left", s.users, s.open)
	}
}
