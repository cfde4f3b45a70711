package proxy_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/gorilla/websocket"
)

const tokenSecret = "0123456789abcdef0123456789abcdef"

// newTestToken returns one of a user that ends then, or never.
func newTestToken(t *testing.T, user string, end time.Time) string {
	t.Helper()
	signing, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(tokenSecret)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"sub": user, "aud": "chat"}
	if !end.IsZero() {
		claims["exp"] = end.Unix()
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signing.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

const jwtAuth = `auth: {jwt: {secret: ` + tokenSecret + `, audience: chat, from: [authorization, {cookie: token}, {query: token}, {subprotocol: "bearer."}], claims: {X-User-Id: sub}, leeway: 0s}}`

func bearer(token string, more ...string) http.Header {
	h := http.Header{"Authorization": {"Bearer " + token}}
	for i := 0; i < len(more); i += 2 {
		h.Add(more[i], more[i+1])
	}
	return h
}

// told is an upstream of sockets and pages that keeps the last request's head.
type told struct {
	*backend
	last atomic.Pointer[http.Request]
}

func newTold(t *testing.T) *told {
	t.Helper()
	up := new(told)
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, Subprotocols: []string{"chat"}}
	up.backend = newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		up.last.Store(r)
		if !websocket.IsWebSocketUpgrade(r) {
			io.WriteString(w, "page")
			return
		}
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			kind, p, err := c.ReadMessage()
			if err != nil || c.WriteMessage(kind, p) != nil {
				return
			}
		}
	})
	return up
}

// users returns who the upstream was told to have, under any name that it may read
// as that.
func (up *told) users() (list []string) {
	for name, values := range up.last.Load().Header {
		if strings.EqualFold(strings.ReplaceAll(name, "_", "-"), "X-User-Id") {
			list = append(list, values...)
		}
	}
	return list
}

// page asks for one and returns the answer's head.
func (b *broker) page(t *testing.T, method, path string, head http.Header) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = head
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return res
}
