package admin

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// Row 46 of the attacks: who guesses is not listened to for a while, right or
// wrong; others are.
func TestAttack46Guesses(t *testing.T) {
	for name, guess := range map[string]request{
		"login":  {method: http.MethodPost, path: "/v1/login", body: `{"token": "0123456789abcdeg"}`},
		"bearer": {header: []string{"Authorization: Bearer 0123456789abcdeg"}},
		"long":   {header: []string{"Authorization: Bearer " + string(make([]byte, 60<<10))}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newTestHandler(newTestDesk(t, "admin: {address: ':9901', token: "+testToken+"}"+testRoutes))
			right := request{header: []string{"Authorization: Bearer " + testToken}}
			for i := range maxGuesses {
				if w := guess.send(h); w.Code != http.StatusUnauthorized {
					t.Fatalf("guess %d: got %d, want 401", i, w.Code)
				}
			}
			for _, q := range []request{guess, right} {
				if w := q.send(h); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
					t.Errorf("got %d, want 429 for a while", w.Code)
				}
			}
			if w := (request{path: "/"}).send(h); w.Code != http.StatusOK {
				t.Errorf("page: got %d, want 200", w.Code)
			}
		})
	}
}

// An address has an account of its own while there is room, for as long as its
// guesses count.
func TestGuessesAreBounded(t *testing.T) {
	var g guesses
	now := time.Now()
	for range maxGuesses {
		g.try("192.0.2.1:1", now)
	}
	if g.allowed("192.0.2.1:2", now) || !g.allowed("192.0.2.2:1", now) || !g.allowed("192.0.2.1:2", now.Add(guessTime)) {
		t.Error("got the wrong one refused, or for too long")
	}
	g.try("192.0.2.2:1", now)
	for i := range 10 * maxGuessers {
		g.try(fmt.Sprintf("10.0.%d.%d:1", i/256, i%256), now)
	}
	if len(g.by) > maxGuessers+1 {
		t.Errorf("got %d addresses kept, want %d at most", len(g.by), maxGuessers)
	}
	if g.allowed("203.0.113.1:1", now) || !g.allowed("192.0.2.2:1", now) {
		t.Error("got those without an account listened to, or one with its own refused")
	}
	g.try("203.0.113.1:1", now.Add(guessTime))
	if len(g.by) > 3 {
		t.Errorf("got %d addresses kept when their time is over", len(g.by))
	}
}
