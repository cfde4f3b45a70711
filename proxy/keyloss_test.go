package proxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/gorilla/websocket"

	"usher/proxy/config"
)

// signers is an issuer of tokens who publishes some of its keys.
type signers struct {
	*backend
	t         *testing.T
	keys      map[string]*ecdsa.PrivateKey // by kid
	published atomic.Pointer[[]string]     // nil for 500
	asked     atomic.Int64
}

func newSigners(t *testing.T, kids ...string) *signers {
	t.Helper()
	s := &signers{t: t, keys: make(map[string]*ecdsa.PrivateKey)}
	for _, kid := range kids {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		s.keys[kid] = key
	}
	s.backend = newTestBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		list := s.published.Load()
		if list == nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		var set jose.JSONWebKeySet
		for _, kid := range *list {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: s.keys[kid].Public(), KeyID: kid})
		}
		json.NewEncoder(w).Encode(set)
	})
	s.publish(kids...)
	return s
}

func (s *signers) publish(kids ...string) { s.published.Store(&kids) }

// bearer returns the head of who has a token by that key.
func (s *signers) bearer(kid string) http.Header {
	s.t.Helper()
	signing, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: s.keys[kid], KeyID: kid}}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	signed, err := signing.Sign([]byte(`{"sub": "u1", "aud": "chat"}`))
	if err != nil {
		s.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		s.t.Fatal(err)
	}
	return bearer(token)
}

// What a key has let in that its set does not have any more ends, in both relays and
// split by namespace, where the file of now says so; but not while the set cannot be
// read, and nothing else.
func TestKeyLoss(t *testing.T) {
	up, main, id := newTold(t), newTestService(t, "main"), newSigners(t, "old", "new")
	text := func(auth string) string {
		return fmt.Sprintf(`listen: 127.0.0.1:0
auth: %s
upstreams: {told: %q, main: %q}
routes:
  - {path: /socket.io, namespaces: {/: main}}
  - {path: /messages, upstream: told, relay: messages}
  - {path: /, upstream: told}
`, auth, up.URL, main.URL)
	}
	jwt := func(more string) string {
		return text(fmt.Sprintf("{jwt: {jwks: %q, audience: chat%s}}", id.URL, more))
	}
	b := newTestBroker(t, jwt(""))
	follow := func(text string) {
		t.Helper()
		cfg, err := config.Parse("routes.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Reload(cfg); err != nil {
			t.Fatal(err)
		}
	}
	sockets := make(map[string]map[string]*websocket.Conn)
	for kid := range id.keys {
		sockets[kid] = make(map[string]*websocket.Conn)
		for _, path := range []string{"/", "/messages", "/socket.io/?EIO=4&transport=websocket"} {
			sockets[kid][path] = wantOutcome(t, path, b.address, path, id.bearer(kid), 101)
		}
	}
	p := b.newPoller(t, polling4)
	_, body, _ := p.ask(t.Context(), "GET", "", "Authorization", id.bearer("old").Get("Authorization"))
	_, rest, _ := strings.Cut(body, `{"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	p.query += "&sid=" + sid
	p.want("POST", "40", 200, "ok")
	p.until("hello")
	open := func() int { return b.Stats().Sessions.Open }
	wantSoon(t, "sessions", 7, open)

	follow(text("none")) // so that the set is read anew
	id.published.Store(nil)
	before := id.asked.Load()
	follow(jwt(", revoke_on_key_loss: true, close_code: 4401"))
	wantSoon(t, "somebody asks who does not answer", true, func() bool { return id.asked.Load() > before })
	for kid := range id.keys {
		for _, path := range []string{"/", "/messages"} {
			wantEcho(t, sockets[kid][path], websocket.TextMessage, []byte("still there"))
		}
	}
	follow(text("none"))
	id.publish("new")
	follow(jwt(""))
	wantOutcome(t, "the set is read", b.address, "/", id.bearer("old"), 401)
	wantEcho(t, sockets["old"]["/"], websocket.TextMessage, []byte("nobody minds"))
	wantSoon(t, "sessions", 7, open)
	follow(jwt(", revoke_on_key_loss: true, close_code: 4401"))
	for path, c := range sockets["old"] {
		_, _, err := c.ReadMessage()
		for err == nil {
			_, _, err = c.ReadMessage()
		}
		if !websocket.IsCloseError(err, 4401) || !strings.Contains(err.Error(), "signing key revoked") {
			t.Errorf("%s: got %v, want 4401", path, err)
		}
	}
	wantSoon(t, "the session that polls is unknown", 400, func() int {
		status, _, _ := p.ask(t.Context(), "GET", "")
		return status
	})
	wantSoon(t, "sessions", 3, open)
	for _, path := range []string{"/", "/messages"} {
		wantEcho(t, sockets["new"][path], websocket.TextMessage, []byte("still there"))
	}
	for _, line := range b.log.lines(t, "session ended") {
		if line["cause"] != "usher.revoked" {
			t.Errorf("log: got %v", line)
		}
	}
}
