package certs

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestAskIsBounded has strangers ask for ever new names (attack 26).
func TestAskIsBounded(t *testing.T) {
	asked := 0
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusFound)
	}))
	t.Cleanup(app.Close)
	a := newAsker(app.URL)
	for i := range 500 {
		if err := a.allow(t.Context(), fmt.Sprintf("n%d.example.net", i)); err == nil {
			t.Fatal("a name that is not allowed: got no error")
		}
	}
	if asked == 0 || asked > 2*askBurst {
		t.Errorf("questions: got %d for 500 names, want some, at most about %v", asked, askBurst)
	}
	for _, name := range []string{"", "localhost", "10.0.0.1", "a..b", "-a.b", "a_b.c", "*.a.b", "a.b."} {
		if err := a.allow(t.Context(), name); !errors.Is(err, errNotAllowed) {
			t.Errorf("allow(%q): got %v, want %v without a question", name, err, errNotAllowed)
		}
	}
	orders := 0
	for range 100 {
		if a.onEvent(t.Context(), "cert_obtaining", map[string]any{"identifier": "a.b"}) == nil {
			orders++
		}
	}
	if orders != issueBurst {
		t.Errorf("orders at once: got %d, want %v", orders, issueBurst)
	}
	if err := a.onEvent(t.Context(), "cert_obtaining", map[string]any{"renewal": true}); err != nil {
		t.Errorf("renewal: got %v, want it whatever was ordered", err)
	}
}

func TestVerdictsAreBounded(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(app.Close)
	a := newAsker(app.URL)
	a.asks = newBucket(1e9, 1e9)
	for i := range maxVerdicts + 50 {
		a.remember(fmt.Sprint(i), verdict{}, verdict{}.end)
	}
	if n := len(a.verdicts); n > maxVerdicts {
		t.Errorf("verdicts: got %d, want %d at most", n, maxVerdicts)
	}
}
