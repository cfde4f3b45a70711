package proxy_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/admin"
	"usher/proxy/command"
	"usher/proxy/config"
)

// newTestLegs is a broker with two sessions of which one, both, has a leg to
// admin as well as to main.
func newTestLegs(t *testing.T, extra string) (b *broker, main, shop *service, root, both *websocket.Conn) {
	t.Helper()
	main, shop = newTestService(t, "main"), newTestService(t, "admin")
	b = newTestBroker(t, "admin: 127.0.0.1:0\n"+split(main, shop, extra)+"  - {path: /shop, upstream: admin}\n")
	root, both = b.joined(t, ""), b.joined(t, "", "/admin,")
	return b, main, shop, root, both
}

// TestSessionsByLeg finds sessions with namespaces by the upstreams and
// endpoints of their legs, open and ended, and closes just those.
func TestSessionsByLeg(t *testing.T) {
	b, main, shop, root, both := newTestLegs(t, "")
	o := b.operator(t)
	b.dial(t, "/shop", nil)
	b.wantSessions(t, 3)
	for query, want := range map[string]int{
		"upstream=main": 2, "upstream=admin": 2, "upstream=other": 0, "upstream=admin&route=/socket.io": 1,
		"endpoint=" + main.URL: 2, "endpoint=" + shop.Listener.Addr().String(): 2,
		"upstream=admin&endpoint=" + shop.URL: 2, "upstream=main&endpoint=" + shop.URL: 0,
		"q=MAIN": 2, "q=" + shop.Listener.Addr().String(): 2, "q=/admin": 1, "q=/nowhere": 0, "q=websocket": 0,
	} {
		if page := get[admin.SessionPage](t, o, "/v1/sessions?"+query); page.Total != want || len(page.Sessions) != want {
			t.Errorf("%s: got %d sessions of %d, want %d", query, len(page.Sessions), page.Total, want)
		}
	}
	var closed admin.Closed
	o.ask(t, http.MethodPost, "/v1/sessions/close", admin.CloseOrder{Upstream: "admin", Route: "/socket.io", Code: 4000}, &closed)
	if closed.Closed != 1 {
		t.Errorf("closed by upstream: got %d, want 1", closed.Closed)
	}
	wantCode(t, both, 4000)
	wantAlive(t, root, "")
	wantSoon(t, "ended", 1, func() int { return get[admin.EndedPage](t, o, "/v1/sessions/ended").Total })
	for query, want := range map[string]int{
		"upstream=main": 1, "upstream=admin": 1, "upstream=other": 0, "endpoint=" + shop.URL: 1,
		"upstream=main&endpoint=" + shop.URL: 0, "q=/admin": 1, "q=/nowhere": 0, "q=" + shop.Listener.Addr().String(): 1,
	} {
		if page := get[admin.EndedPage](t, o, "/v1/sessions/ended?"+query); page.Total != want {
			t.Errorf("ended, %s: got %d, want %d", query, page.Total, want)
		}
	}
	o.ask(t, http.MethodPost, "/v1/sessions/close", admin.CloseOrder{Endpoint: main.URL}, &closed)
	if closed.Closed != 1 {
		t.Errorf("closed by endpoint: got %d, want 1", closed.Closed)
	}
	wantCode(t, root, 1008)
}

// TestEndedByTheLegThatWasLost finds a session that ended with its upstream.
func TestEndedByTheLegThatWasLost(t *testing.T) {
	b, main, shop, root, _ := newTestLegs(t, "")
	shop.vanish()
	b.wantSessions(t, 1)
	wantSoon(t, "session lines", 1, func() int { return len(b.log.lines(t, "session ended")) })
	line := b.log.lines(t, "session ended")[0]
	if got, want := fmt.Sprint(line["legs"]), fmt.Sprintf("[main=%s admin=%s]", main.Listener.Addr(), shop.Listener.Addr()); got != want {
		t.Errorf("session line: got legs %s in %v, want %s", got, line, want)
	}
	if page := get[admin.EndedPage](t, b.operator(t), "/v1/sessions/ended?route=/socket.io&upstream=admin"); page.Total != 1 {
		t.Errorf("got %d that ended with a leg to admin, want 1", page.Total)
	}
	wantAlive(t, root, "")
}

// TestDrainWaitsForLegs has "drain --wait" return when no leg is left, and not
// wait for sessions that go on without it.
func TestDrainWaitsForLegs(t *testing.T) {
	for _, policy := range []string{"disconnect", "reconnect", "transport"} {
		for _, by := range []string{"upstream", "endpoint"} {
			t.Run(policy+" by "+by, func(t *testing.T) {
				b, _, shop, root, both := newTestLegs(t, "on_loss: {admin: "+policy+"}")
				shop.linger.Store(int64(100 * time.Millisecond))
				o := command.DrainOptions{OperatorOptions: command.OperatorOptions{Admin: b.AdminAddress()}, Upstream: "admin", Wait: true}
				if by == "endpoint" {
					o.Upstream, o.Endpoint = "", shop.URL
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				var out strings.Builder
				if err := command.Drain(ctx, &out, o); err != nil {
					t.Fatalf("got %v after %q", err, out.String())
				}
				if want := "0 sessions and 1 leg to close\nno session is left\n"; !strings.HasSuffix(out.String(), want) {
					t.Errorf("got %q, want %q at the end", out.String(), want)
				}
				for _, u := range b.Stats().Upstreams {
					if n := u.Endpoints[0].Sessions; u.Name == "admin" && n != 0 {
						t.Errorf("got %d legs to what is drained, want none", n)
					}
				}
				wantAlive(t, root, "")
				if policy == "transport" {
					b.wantSessions(t, 1)
					return
				}
				send(t, both, `42["alive"]`)
				b.wantSessions(t, 2)
			})
		}
	}
}

// TestReloadCountsLegs has a reload take the endpoint of a leg away.
func TestReloadCountsLegs(t *testing.T) {
	main, shop := newTestService(t, "main"), newTestService(t, "admin")
	text := "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n" + split(main, shop, "on_loss: {admin: disconnect}")
	b := runTestServer(t, mustParse(t, text), func() (*config.Config, error) {
		return mustParse(t, strings.ReplaceAll(text, shop.URL, "http://127.0.0.1:1")), nil
	})
	root, both := b.joined(t, ""), b.joined(t, "", "/admin,")
	var done admin.Reloaded
	b.operator(t).ask(t, http.MethodPost, "/v1/reload", struct{}{}, &done)
	if want := (admin.Changes{EndpointsAdded: 1, EndpointsRemoved: 1, Legs: 1}); done.Changes != want {
		t.Errorf("got %+v, want %+v", done.Changes, want)
	}
	wantText(t, both, "41/admin,")
	wantAlive(t, root, "")
}
