package proxy_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func guard(what string) string {
	return fmt.Sprintf("auth: {/admin: {jwt: {%s, audience: chat, leeway: 0s}}}", what)
}

// A namespace's CONNECT is judged before its upstream hears of it, and nobody else
// notices.
func TestGuards(t *testing.T) {
	b, main, admin := newTestSplit(t, guard("secret: "+tokenSecret))
	c := b.joined(t, "")
	for what, tt := range map[string]struct{ data, want string }{
		"none":      {``, `{"message":"unauthorized","data":{"reason":"no token"}}`},
		"another":   {`{"token":7}`, `{"message":"unauthorized","data":{"reason":"malformed token"}}`},
		"twice":     {`{"token":"a","tok\u0065n":"b"}`, `{"message":"unauthorized","data":{"reason":"more than one token"}}`},
		"malformed": {`{"token":"e30.e30"}`, `{"message":"unauthorized","data":{"reason":"malformed token"}}`},
		"old":       {`{"token":"` + newTestToken(t, "u1", time.Now().Add(-time.Hour)) + `"}`, `{"message":"unauthorized","data":{"reason":"token expired"}}`},
	} {
		send(t, c, "40/admin,"+tt.data)
		_, p, err := c.ReadMessage()
		if want := "44/admin," + tt.want; string(p) != want {
			t.Errorf("%s: got %q, %v, want %q", what, p, err, want)
		}
		wantAlive(t, c, "")
	}
	if n := admin.requests.Load(); n != 0 {
		t.Errorf("admin got %d requests, want none", n)
	}
	send(t, c, `40/admin,{"token":"`+newTestToken(t, "u1", time.Time{})+`"}`)
	send(t, c, `42/admin,["behind it"]`)
	for _, want := range []string{`40/admin,{`, `42/admin,["hello"`, `42/admin,["behind it"]`} {
		if _, p, err := c.ReadMessage(); !strings.HasPrefix(string(p), want) {
			t.Errorf("got %q, %v, want %q", p, err, want)
		}
	}
	// New rules are for the next CONNECT of whoever is there.
	b.reload(t, split(main, admin, "auth: {/: {jwt: {secret: "+tokenSecret+", audience: chat}}}"))
	wantAlive(t, c, "")
	b.joined(t, "/admin,")
	late := b.openSocket(t, "", nil)
	send(t, late, "40")
	wantText(t, late, `44{"message":"unauthorized","data":{"reason":"no token"}}`)
}

// The end of the token is that of the connection, unless its namespace was left.
func TestGuardsEnd(t *testing.T) {
	b, _, _ := newTestSplit(t, guard("secret: "+tokenSecret))
	end := time.Now().Add(2 * time.Second)
	open := func() *websocket.Conn {
		c := b.joined(t, "")
		send(t, c, `40/admin,{"token":"`+newTestToken(t, "u1", end)+`"}`)
		for range 2 {
			if _, p, err := c.ReadMessage(); err != nil || strings.HasPrefix(string(p), "44") {
				t.Fatalf("got %q, %v", p, err)
			}
		}
		return c
	}
	left, stays := open(), open()
	send(t, left, "41/admin,")
	wantCode(t, stays, 3000)
	if late := time.Since(end); late > 2*time.Second {
		t.Errorf("it ended %v late", late)
	}
	wantAlive(t, left, "")
}

// Whoever cannot say who may come in lets nobody in, and holds up nobody else.
func TestGuardsUnavailable(t *testing.T) {
	hold := make(chan struct{})
	id := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { <-hold; w.WriteHeader(500) }))
	t.Cleanup(id.Close)
	b, _, admin := newTestSplit(t, guard("jwks: "+id.URL))
	c := b.joined(t, "")
	send(t, c, `40/admin,{"token":"`+rsaShaped+`"}`)
	wantAlive(t, c, "")
	close(hold)
	wantText(t, c, `44/admin,{"message":"unavailable","data":{"reason":"nobody can say who may come in","retry":true}}`)
	if n := admin.requests.Load(); n != 0 {
		t.Errorf("admin got %d requests, want none", n)
	}
}

// rsaShaped has the head {"alg":"RS256"}.
const rsaShaped = "eyJhbGciOiJSUzI1NiJ9.e30.AAAA"

// Clients of revision 3 are in "/" without asking, show what they have in a query,
// and are told in a string. Their servers read some names as others.
func TestGuardsOfRevision3(t *testing.T) {
	b, _, admin := newTestSplit(t, "auth: {/: {jwt: {secret: "+tokenSecret+", audience: chat}}, /admin: {jwt: {secret: "+tokenSecret+", audience: chat}}}")
	p := b.newPoller(t, polling3)
	if status, body, _ := p.ask(t.Context(), "GET", ""); status != 401 {
		t.Errorf("without a token: got %d %q, want 401", status, body)
	}
	good := newTestToken(t, "u1", time.Time{})
	p = b.newPoller(t, polling3+"&token="+good)
	p.open()
	for packet, want := range map[string]string{
		"40/admin?token=a.b.c,":          `44/admin,"unauthorized: malformed token"`,
		"40/admin#x?token=" + good + ",": `44/admin#x,"Invalid namespace"`,
	} {
		p.want("POST", fmt.Sprintf("%d:%s", len(packet), packet), 200, "ok")
		p.until(want)
	}
	if n := admin.requests.Load(); n != 0 {
		t.Errorf("admin got %d requests, want none", n)
	}
	packet := "40/admin?token=" + good + ","
	p.want("POST", fmt.Sprintf("%d:%s", len(packet), packet), 200, "ok")
	p.until("40/admin")
}
