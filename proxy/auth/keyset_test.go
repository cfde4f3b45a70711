package auth

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"usher/proxy/config"
	"usher/proxy/headers"
)

// issuer is a server with a key set that can change.
type issuer struct {
	*httptest.Server
	set   atomic.Pointer[string] // "" for 500
	asked atomic.Int64
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	s := new(issuer)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "openid-configuration") {
			json.NewEncoder(w).Encode(map[string]string{"issuer": s.URL, "jwks_uri": s.URL + "/keys"})
			return
		}
		s.asked.Add(1)
		if text := s.set.Load(); text != nil && *text != "" {
			w.Write([]byte(*text))
			return
		}
		w.WriteHeader(500)
	}))
	t.Cleanup(s.Close)
	return s
}

// has has the set have these keys, beside one of a kind that nobody knows.
func (s *issuer) has(t *testing.T, list ...jose.JSONWebKey) {
	t.Helper()
	raw := []json.RawMessage{json.RawMessage(`{"kty":"new","kid":"x"}`), json.RawMessage(`{"kty":"oct","kid":"r","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}`)}
	for _, k := range list {
		b, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, b)
	}
	b, err := json.Marshal(map[string]any{"keys": raw})
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	s.set.Store(&text)
}

// A key set comes when it is needed, comes again for a key that it does not have
// yet, but not too often, and stays as it is while nobody can say how it is now.
func TestKeySet(t *testing.T) {
	s := newSigner(t)
	for _, discover := range []bool{false, true} {
		up := newIssuer(t)
		keep := NewKeeper(nil)
		t.Cleanup(keep.Close)
		at := up.URL + "/keys"
		if discover {
			at = up.URL
		}
		tokens := newTokens(&config.JWTAuth{Algorithms: signatures, From: []config.TokenSource{{Place: config.FromAuthorization}}})
		tokens.keys = keep.keys(at, discover)
		clock := time.Now()
		ask := func(what, token string, status int) {
			t.Helper()
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			q := question{r, headers.Sender{}}
			_, quick := tokens.quick(q, clock)
			_, err := tokens.check(q, clock)
			if wantStatus(t, err, status); quick && err != nil {
				t.Errorf("%s: got in by a quick look, and then %v", what, err)
			}
		}
		keep.Keep(Set{new(config.Auth): &Gate{kind: "jwt", way: tokens, keep: keep}})
		wantOutage := func(kept bool) {
			t.Helper()
			if list := keep.Outages(); len(list) != 1 || list[0].Kept != kept {
				t.Errorf("got outages %+v, want one, kept %t", list, kept)
			}
		}
		one := s.raw("RS256", `{"alg":"RS256","kid":"r"}`, `{}`)
		two := s.raw("ES256", `{"alg":"ES256","kid":"e"}`, `{}`)
		ask("no set", one, 503)
		ask("no set, asked again at once", one, 503)
		wantOutage(false)
		if n := up.asked.Load(); n != 1 {
			t.Errorf("got %d questions, want one", n)
		}
		up.has(t, jose.JSONWebKey{Key: s.rsa.Public(), KeyID: "r", Use: "sig"})
		clock = clock.Add(time.Second)
		ask("first", one, 0)
		ask("a key that is not there", two, 401)
		up.has(t, jose.JSONWebKey{Key: s.ec.Public(), KeyID: "e"})
		ask("not asked so soon", two, 401)
		clock = clock.Add(missGap)
		ask("new key", two, 0)
		ask("old one is gone", one, 401)
		up.set.Store(nil)
		clock = clock.Add(time.Hour)
		ask("nobody answers", two, 0)
		waitUntil(t, "it is counted", func() bool { return keep.KeyAges(clock)[0].Fails == 2 })
		ask("nobody answers, and it is known", two, 0)
		wantOutage(true)
		ask("nobody answers, and the key is unknown", one, 401)
		if n := up.asked.Load(); n > 6 {
			t.Errorf("got %d questions, want few", n)
		}
		up.has(t, jose.JSONWebKey{Key: s.rsa.Public(), KeyID: "e", Use: "enc"})
		clock = clock.Add(missGap)
		ask("no key of use is no set", one, 401)
		ask("the last good one stays", two, 0)
	}
}

// A reload that does without a key set has nobody hear of it any more; one that is
// still needed stays as it is.
func TestKeySetsThatAreNotNeeded(t *testing.T) {
	keep := NewKeeper(nil)
	t.Cleanup(keep.Close)
	file := func(urls ...string) *config.Config {
		cfg := new(config.Config)
		for _, url := range urls {
			cfg.Routes = append(cfg.Routes, &config.Route{Auth: &config.Auth{JWT: &config.JWTAuth{JWKS: url}}})
		}
		cfg.Routes = append(cfg.Routes, &config.Route{Auth: &config.Auth{Forward: &config.ForwardAuth{URL: "unix:/a:/" + urls[0]}}}, &config.Route{})
		return cfg
	}
	use := func(cfg *config.Config) {
		t.Helper()
		set, err := keep.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		keep.Keep(set)
	}
	use(file("http://a", "http://b"))
	kept := keep.sets[keySource{"http://b", false}]
	use(file("http://b"))
	if ages := keep.KeyAges(time.Now()); len(ages) != 1 || ages[0].URL != "http://b" || keep.sets[keySource{"http://b", false}] != kept || len(keep.unix) != 1 {
		t.Errorf("got %v and %d sockets, want http://b as it was and one", ages, len(keep.unix))
	}
	keep.Keep(nil)
	if len(keep.sets)+len(keep.unix) != 0 {
		t.Errorf("got %v and %v, want none", keep.sets, keep.unix)
	}
}
