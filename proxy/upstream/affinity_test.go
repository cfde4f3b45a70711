package upstream

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"

	"usher/proxy/config"
)

func newLed(t *testing.T, a config.Affinity, addresses ...string) *Upstream {
	t.Helper()
	c := &config.Upstream{Name: "main", Balance: config.RoundRobin, Affinity: a}
	for _, address := range addresses {
		c.Endpoints = append(c.Endpoints, config.Endpoint{Scheme: config.HTTP, Address: address})
	}
	return NewPool([]*config.Upstream{c}).Get("main")
}

// lead asks for one request of a client at that address.
func (u *Upstream) lead(t *testing.T, client, query, cookie string) Lead {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/?"+query, nil)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	if client != "" {
		r = r.WithContext(WithRequest(t.Context(), r, netip.MustParseAddr(client)))
	}
	l, err := u.Lead(r, query)
	if err != nil {
		t.Fatalf("lead %q: got %v, want a way", query, err)
	}
	return l
}

// Nothing needs to be done for most requests.
func TestNobodyIsLed(t *testing.T) {
	for _, tt := range []struct {
		affinity config.Affinity
		query    string
	}{
		{config.AffinityNone, "EIO=4&transport=polling&sid=x"},
		{config.AffinityEngineIO, "a=b"},
		{config.AffinityEngineIO, ""},
		{config.AffinityEngineIO, "EIO=4&transport=websocket"},
		{config.AffinityCookie, ""},
		{config.AffinityIP, ""},
	} {
		u := newLed(t, tt.affinity, "a:1", "b:1")
		l := u.lead(t, "", tt.query, "")
		if tries := l.Tries(); l.Query != tt.query || tries.to != nil || tries.must || l.Opens() {
			t.Errorf("%s %q: got %+v, want it to go anywhere", tt.affinity, tt.query, l)
		}
	}
}

// One client comes to one endpoint while others come and go.
func TestAddressLeads(t *testing.T) {
	u := newLed(t, config.AffinityIP, "a:1", "b:1", "c:1")
	home := make(map[string]*Endpoint)
	used := make(map[*Endpoint]int)
	pick := func(client string) *Endpoint {
		l := u.lead(t, client, "", "")
		e, err := u.PickRequest(t.Context(), l.Tries())
		if err != nil {
			t.Fatal(err)
		}
		e.ReleaseRequest()
		return e
	}
	clients := make([]string, 90)
	for i := range clients {
		clients[i] = fmt.Sprintf("192.0.2.%d", i)
		home[clients[i]] = pick(clients[i])
		used[home[clients[i]]]++
	}
	if len(used) != 3 || used[u.members[0].Endpoint] < 15 || used[u.members[1].Endpoint] < 15 || used[u.members[2].Endpoint] < 15 {
		t.Errorf("clients by endpoint: got %v, want a third each", used)
	}
	gone := u.members[1].Endpoint
	gone.Disable(true)
	for _, c := range clients {
		first, second := pick(c), pick(c)
		if first != second || first == gone || home[c] != gone && first != home[c] {
			t.Errorf("%s, at home with %v: got %v and %v while %v is disabled", c, home[c], first, second, gone)
		}
	}
	gone.Disable(false)
	for _, c := range clients {
		if got := pick(c); got != home[c] {
			t.Errorf("%s: got %v, want %v again", c, got, home[c])
		}
	}
}

// A cookie says who is preferred, and no more.
func TestCookieLeads(t *testing.T) {
	u := newLed(t, config.AffinityCookie, "a:1", "b:1")
	b := u.members[1].Endpoint
	first := u.lead(t, "", "", "")
	cookie := first.Cookie(b, nil, false, true)
	if cookie == nil || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Secure || cookie.Path != "/" {
		t.Fatalf("got cookie %v, want one", cookie)
	}
	text := cookie.Name + "=" + cookie.Value
	for range 3 {
		l := u.lead(t, "", "", text)
		if e, err := u.Pick(t.Context(), l.Tries()); err != nil || e != b || l.Cookie(e, nil, false, true) != nil {
			t.Errorf("got %v, %v and cookie %v, want %v and none", e, err, l.Cookie(e, nil, false, true), b)
		}
	}
	b.Disable(true)
	l := u.lead(t, "", "", text)
	if e, err := u.Pick(t.Context(), l.Tries()); err != nil || e == b || l.Cookie(e, nil, false, true) == nil {
		t.Errorf("it is disabled: got %v, %v, want the other and its cookie", e, err)
	}
	l = u.lead(t, "", "EIO=4&transport=polling&sid=x", text)
	if e, err := u.PickRequest(t.Context(), l.Tries()); err != nil || e != b {
		t.Errorf("session that is begun there: got %v, %v, want %v", e, err, b)
	}
	if e, err := u.Pick(t.Context(), l.Tries()); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("socket that may be anything: got %v, %v, want %v", e, err, ErrNoEndpoint)
	}
	for _, forged := range []string{"x", "", cookie.Value + "x"} {
		l := u.lead(t, "", "", cookie.Name+"="+forged)
		if l.Tries().to != nil {
			t.Errorf("cookie %q: got %v, want nobody", forged, l.Tries().to)
		}
	}
	one := newLed(t, config.AffinityCookie, "a:1")
	l = one.lead(t, "", "", "")
	if got := l.Cookie(one.members[0].Endpoint, nil, false, true); got != nil {
		t.Errorf("one endpoint: got cookie %v, want none", got)
	}
}

// The attribute of the cookie is what the file says, or what makes it come back.
func TestSameSiteOfTheCookie(t *testing.T) {
	const lax, strict, none = http.SameSiteLaxMode, http.SameSiteStrictMode, http.SameSiteNoneMode
	for _, tt := range []struct {
		says            http.SameSite
		secure, foreign bool
		want            http.SameSite
		wantSecure      bool
	}{
		{0, false, false, lax, false},
		{0, false, true, lax, false}, // browsers take none over TLS alone
		{0, true, false, lax, true},
		{0, true, true, none, true},
		{none, false, false, none, true},
		{none, true, true, none, true},
		{lax, true, true, lax, true},
		{strict, true, true, strict, true},
		{strict, false, false, strict, false},
	} {
		u := newLed(t, config.AffinityCookie, "a:1", "b:1")
		u.sameSite = tt.says
		l := u.lead(t, "", "", "")
		if got := l.Cookie(u.members[0].Endpoint, nil, tt.secure, tt.foreign); got.SameSite != tt.want || got.Secure != tt.wantSecure {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}

// Where a name has several addresses, one that is down is passed over, but not
// for a session that another knows nothing of.
func TestLedToAnAddress(t *testing.T) {
	for _, must := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			z := &zone{addresses: "10.0.0.1 10.0.0.2", down: map[string]bool{"10.0.0.2": true}}
			u := newZone(t, z)
			e := u.members[0].Endpoint
			e.addresses(t.Context())
			_, conn, err := u.DialNext(t.Context(), &Tries{to: e, address: netip.MustParseAddr("10.0.0.2"), must: must, sure: must})
			want := "[10.0.0.2:80 10.0.0.1:80]"
			if must {
				want = "[10.0.0.2:80]"
			}
			if fmt.Sprint(z.tried) != want || (err != nil) != must {
				t.Errorf("must be there: %t: got %v tried, and %v, want %s", must, z.tried, err, want)
			}
			if err == nil {
				conn.Close()
				e.Release()
			}
			if n := e.Sessions(); n != 0 {
				t.Errorf("sessions: got %d, want 0", n)
			}
		})
	}
}
