package auth

import (
	"context"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"usher/proxy/config"
)

// A key is lost that was of the set and is not any more, whatever its kid. One that
// cannot be looked for is not, nor is one of another set.
func TestKeyLoss(t *testing.T) {
	s, up, other := newSigner(t), newIssuer(t), newIssuer(t)
	keep := NewKeeper(nil)
	t.Cleanup(keep.Close)
	open := func(revoke bool, url string) *Gate {
		t.Helper()
		auth := &config.Auth{JWT: &config.JWTAuth{
			JWKS: url + "/keys", Algorithms: signatures, From: []config.TokenSource{{Place: config.FromAuthorization}},
			RevokeOnKeyLoss: revoke, Expiry: config.Expiry{Code: 4401},
		}}
		set, err := keep.Open(&config.Config{Routes: []*config.Route{{Auth: auth}}})
		if err != nil {
			t.Fatal(err)
		}
		keep.Keep(set)
		return set[auth]
	}
	rsa, ec := jose.JSONWebKey{Key: s.rsa.Public(), KeyID: "1"}, jose.JSONWebKey{Key: s.ec.Public(), KeyID: "2"}
	g := open(true, up.URL)
	keys := g.way.(*tokens).keys.(*keySet)
	read := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for keep.Renewed(ctx) == nil {
			if have := keys.have.Load(); have != nil && have.at.Equal(keys.tried) {
				return
			}
		}
		t.Fatal("the set was not read")
	}
	up.has(t, rsa, ec)
	read()
	old, kept := keys.nameOf(&rsa), keys.nameOf(&ec)
	grant, _, err := g.way.(*tokens).verify(s.raw("RS256", `{"alg":"RS256","kid":"1"}`, `{}`), time.Now())
	if err != nil || grant.Signer != old || old == kept || old == "" {
		t.Fatalf("got signer %q, %v, want %q", grant.Signer, err, old)
	}
	want := func(what string, g *Gate, signer string, lost bool) {
		t.Helper()
		if code, got := g.Lost(signer); got != lost || got && code != 4401 {
			t.Errorf("%s: got %v and code %d, want %v", what, got, code, lost)
		}
	}
	want("it is there", g, old, false)

	renew := func() { keys.mu.Lock(); keys.ready = make(chan struct{}); keys.mu.Unlock(); keys.renew(time.Now()) }
	up.set.Store(nil)
	renew()
	want("nobody answers", g, old, false)
	up.has(t)
	renew()
	want("a set without keys is none", g, old, false)
	up.has(t, jose.JSONWebKey{Key: s.ec.Public(), KeyID: "1"})
	renew()
	want("another key has its kid", g, old, true)
	want("the other one has another kid", g, kept, false)
	want("a key of the routes file", g, "", false)
	want("no gate", nil, old, false)
	want("it does not count any more", open(false, up.URL), old, false)
	other.has(t, ec)
	want("another set, not read yet", open(true, other.URL), old, false)
	want("it counts again, and the set is not read yet", open(true, up.URL), old, false)
}

// Sets whose lost keys count are read without anybody's asking, others are not.
func TestKeySetsAreReadAgain(t *testing.T) {
	s, up := newSigner(t), newIssuer(t)
	up.has(t, jose.JSONWebKey{Key: s.rsa.Public(), KeyID: "1"})
	keep := NewKeeper(nil)
	t.Cleanup(keep.Close)
	use := func(revoke bool) *keySet {
		t.Helper()
		auth := &config.Auth{JWT: &config.JWTAuth{JWKS: up.URL + "/keys", RevokeOnKeyLoss: revoke}}
		set, err := keep.Open(&config.Config{Routes: []*config.Route{{Auth: auth}, {Auth: auth}}})
		if err != nil {
			t.Fatal(err)
		}
		keep.Keep(set)
		return set[auth].way.(*tokens).keys.(*keySet)
	}
	now := time.Now()
	use(false)
	if wait := keep.readAgain(now); wait != idle || up.asked.Load() != 0 {
		t.Errorf("got %d questions and a pause of %v, want none and %v", up.asked.Load(), wait, idle)
	}
	keys := use(true)
	for _, tt := range []struct {
		what  string
		after time.Duration
		want  int64
	}{{"at first", 0, 1}, {"it is new", staleAfter, 1}, {"it is old", time.Second, 2}, {"it was read", time.Second, 2}} {
		now = now.Add(tt.after)
		if wait := keep.readAgain(now); wait != missGap {
			t.Errorf("%s: got a pause of %v, want %v", tt.what, wait, missGap)
		}
		waitUntil(t, tt.what, func() bool { keys.mu.Lock(); defer keys.mu.Unlock(); return keys.ready == nil })
		if n := up.asked.Load(); n != tt.want {
			t.Errorf("%s: got %d questions, want %d", tt.what, n, tt.want)
		}
	}
}
