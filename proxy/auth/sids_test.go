package auth

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"usher/proxy/config"
	"usher/proxy/headers"
)

func at(path, sid string) SID { return SID{"main", "route", path, sid} }

// The sid stands for who began, where the session has begun, until what was shown then
// ends. Whoever shows something else must be the same user.
func TestSIDs(t *testing.T) {
	s, keep := newSigner(t), NewKeeper(nil)
	t.Cleanup(keep.Close)
	tokens := newTokens(&config.JWTAuth{
		Algorithms: signatures, From: []config.TokenSource{{Place: config.FromAuthorization}},
		Claims: []config.ClaimHeader{{Header: "X-User", Claim: "sub"}}, Expiry: config.Expiry{Code: 3000},
	})
	tokens.keys = s.keys()
	g := &Gate{kind: "jwt", way: tokens, keep: keep}
	now := time.Now()
	end := now.Add(time.Minute).Unix()
	token := func(user string, end int64) string {
		return s.raw("RS256", `{"alg":"RS256","kid":"r"}`, fmt.Sprintf(`{"sub":%q,"exp":%d,"nonce":%d}`, user, end, end))
	}
	first := token("ann", end)
	begin := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	begin.Header.Set("Authorization", "Bearer "+first)
	granted, err := g.Check(begin, headers.Sender{}, "", now)
	if err != nil {
		t.Fatal(err)
	}
	sids := new(SIDs)
	sids.Add(g.Begin(at("/a", "1"), begin, headers.Sender{}, granted, now))
	sids.Add(g.Begin(at("/a", "1"), begin, headers.Sender{}, Grant{Who: "bob"}, now)) // it stays whose it is
	for _, tt := range []struct {
		what, path, token string
		after             time.Duration
		status            int
	}{
		{"nothing", "/a", "", 0, 0},
		{"the same", "/a", first, 0, 0},
		{"a newer one", "/a", token("ann", end+3600), 0, 0},
		{"the first one again", "/a", first, 0, 0},
		{"another's", "/a", token("bob", end), 0, 400},
		{"a bad one", "/a", "a.b.c", 0, 401},
		{"an old one", "/a", token("ann", end-7200), 0, 401},
		{"nothing, elsewhere", "/b", "", 0, 401},
		{"another's, elsewhere", "/b", token("bob", end), 0, 400},
		{"the same, elsewhere", "/b", first, 0, 0},
		{"nothing, when it has ended", "/a", "", time.Minute, 400},
		{"a newer one, when it has ended", "/a", token("ann", end+3600), time.Minute, 400},
		{"nothing, and the clock was set back", "/a", "", 0, 400},
	} {
		b := sids.Find(at(tt.path, "1"))
		if b == nil {
			t.Fatalf("%s: the sid is not known", tt.what)
		}
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		if tt.token != "" {
			r.Header.Set("Authorization", "Bearer "+tt.token)
		}
		got, err := g.Again(at(tt.path, "1"), r, headers.Sender{}, "", b, now.Add(tt.after))
		wantStatus(t, err, tt.status)
		if err == nil && (got.Who != "ann" || got.Expires != end || len(got.Headers) != 1 || got.Headers[0].Value != "ann") {
			t.Errorf("%s: got %+v, want who has begun", tt.what, got)
		}
		if t.Failed() {
			t.Fatal(tt.what)
		}
	}
	if (*SIDs)(nil).Find(at("/a", "1")) != nil || sids.Find(at("/a", "2")) != nil || sids.Find(SID{"other", "route", "/a", "1"}) != nil {
		t.Error("got a session that nobody has begun")
	}
}

// The headers of a service may change for a user between two answers. Which of them names
// the user is known where something counts or closes sessions by it: no other user is let
// in by the sid. Where it is not known, whatever changes makes another user.
func TestSIDsOfService(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		what, by      string
		user, roles   string // of the second answer
		status, named int    // where no name is known, and where one is
	}{
		{"the same", "X-User", "ann", "a", 0, 0},
		{"other roles", "X-User", "ann", "a,b", 400, 0},
		{"no roles", "X-User", "ann", "", 400, 0},
		{"another user", "X-User", "bob", "a", 400, 400},
		{"nobody", "X-User", "", "a", 400, 400},
	} {
		for _, named := range []bool{false, true} {
			user, roles := "ann", "a"
			s := newTestService(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["X-User"], w.Header()["X-Roles"] = []string{user}, []string{roles}
			})
			want := tt.status
			if named {
				f := s.ForwardAuth
				cfg := &config.Config{Routes: []*config.Route{{}, {Auth: &config.Auth{Forward: f}, Quota: config.Quota{SessionsPerUser: config.UserBound{By: tt.by}}}}}
				s, want = newService(f, s.client, cfg, s.log), tt.named
			}
			keep := NewKeeper(nil)
			t.Cleanup(keep.Close)
			g := &Gate{kind: "forward", way: s, keep: keep}
			q := clientOf(t, "/", "Cookie", "a=1")
			granted, err := g.Check(q.Request, q.sender, "", now)
			if err != nil {
				t.Fatal(err)
			}
			b := g.Begin(at("/a", "1"), q.Request, q.sender, granted, now)
			user, roles = tt.user, tt.roles
			q = clientOf(t, "/", "Cookie", "a=2")
			_, err = g.Again(at("/a", "1"), q.Request, q.sender, "", b, now)
			if wantStatus(t, err, want); t.Failed() {
				t.Fatalf("%s, named %v", tt.what, named)
			}
		}
	}
}

// slowWay decides when it is told to.
type slowWay struct {
	way
	asked, goes chan struct{}
}

func (w slowWay) check(question, time.Time) (Grant, error) {
	w.asked <- struct{}{}
	<-w.goes
	return Grant{}, no("no", "")
}

// Somebody who must be judged by himself holds nobody up whose sid stands for him.
func TestSIDIsNotHeldUp(t *testing.T) {
	keep := NewKeeper(nil)
	t.Cleanup(keep.Close)
	w := slowWay{newTokens(&config.JWTAuth{From: []config.TokenSource{{Place: config.FromAuthorization}}}), make(chan struct{}), make(chan struct{})}
	g := &Gate{kind: "jwt", way: w, keep: keep}
	ask := func(b *Begun, token string) error {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		_, err := g.Again(at("/a", "1"), r, headers.Sender{}, "", b, time.Now())
		return err
	}
	b := g.Begin(at("/a", "1"), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), headers.Sender{}, Grant{Who: "ann"}, time.Now())
	other := make(chan error)
	go func() { other <- ask(b, "another") }()
	<-w.asked
	own := make(chan error, 1)
	go func() { own <- ask(b, "") }()
	select {
	case err := <-own:
		wantStatus(t, err, 0)
	case <-time.After(5 * time.Second):
		t.Error("the session's own poll waits for what is said of another's")
	}
	close(w.goes)
	wantStatus(t, <-other, 401)
}

// What is remembered is bounded, and who comes again stays.
func TestSIDsAreForgotten(t *testing.T) {
	sids := new(SIDs)
	g := &Gate{kind: "jwt", way: newTokens(new(config.JWTAuth)), keep: NewKeeper(nil)}
	t.Cleanup(g.keep.Close)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	add := func(sid string) {
		sids.Add(g.Begin(at("/", sid), r, headers.Sender{}, Grant{Who: strings.Repeat("x", 100<<10)}, time.Now()))
	}
	add("stays")
	add("goes")
	for i := range 1000 {
		add(fmt.Sprint(i))
		if sids.Find(at("/", "stays")) == nil {
			t.Fatalf("forgotten behind %d, and used all the while", i)
		}
	}
	if sids.Find(at("/", "goes")) != nil || sids.Find(at("/", "999")) == nil {
		t.Error("want the oldest forgotten and the youngest known")
	}
	if n := len(sids.young) + len(sids.old); n > 2*mostSIDs/(100<<10)+4 {
		t.Errorf("got %d remembered", n)
	}
}

// Clients choose how long the path is where a session begins, and so how much of it is
// remembered.
func TestSIDsOfLongPaths(t *testing.T) {
	sids := new(SIDs)
	g := &Gate{kind: "jwt", way: newTokens(new(config.JWTAuth)), keep: NewKeeper(nil)}
	t.Cleanup(g.keep.Close)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	path := "/socket.io/" + strings.Repeat("x", 100<<10)
	for i := range 1000 {
		sids.Add(g.Begin(at(path, fmt.Sprint(i)), r, headers.Sender{}, Grant{}, time.Now()))
	}
	if n := len(sids.young) + len(sids.old); n > 2*mostSIDs/(100<<10)+4 {
		t.Errorf("got %d remembered", n)
	}
}
