package proxy_test

import (
	"io"
	"net/http"
	"slices"
	"testing"

	"usher/proxy/admin"
)

// TestOperatorDrainsLegs has legs on what is drained: they go, others stay, and
// none comes until it is enabled again.
func TestOperatorDrainsLegs(t *testing.T) {
	for what, endpoint := range map[string]bool{"endpoint": true, "upstream": false} {
		t.Run(what, func(t *testing.T) {
			main, shop := newTestService(t, "main"), newTestService(t, "admin")
			b := newTestBroker(t, "admin: 127.0.0.1:0\n"+split(main, shop, "on_loss: disconnect")+"  - {path: /shop, upstream: admin}\n")
			o := b.operator(t)
			c := b.joined(t, "", "/admin,")
			target := admin.Target{Upstream: "admin"}
			if endpoint {
				target.Endpoint = shop.URL
			}
			var answer admin.DrainAnswer
			o.ask(t, http.MethodPost, "/v1/drain", target, &answer)
			wantText(t, c, "41/admin,")
			wantSoon(t, "legs to what is drained", 0, shop.legs.Load)
			wantAlive(t, c, "")
			send(t, c, "40/admin,")
			wantSoon(t, "a dial that came to nothing", true, func() bool { return b.Stats().Namespaces.Legs["admin"].Failed > 0 })
			wantAlive(t, c, "") // and /admin waits
			page := get[admin.SessionPage](t, o, "/v1/sessions?q=/admin")
			if len(page.Sessions) != 1 || !slices.Equal(page.Sessions[0].Waiting, []string{"/admin"}) || !slices.Equal(page.Sessions[0].Namespaces, []string{"/"}) {
				t.Errorf("sessions that wait for /admin: got %+v, want the one", page)
			}
			if n := shop.legs.Load(); n != 0 {
				t.Errorf("got %d legs to what is drained, want none", n)
			}
			if !endpoint {
				b.wantPage(t, "/shop", "admin /shop")
			}
			o.ask(t, http.MethodPost, "/v1/enable", target, &answer)
			wantSoon(t, "legs to what is enabled", 1, shop.legs.Load)
		})
	}
}

// wantPage has a plain request served.
func (b *broker) wantPage(t *testing.T, path, want string) {
	t.Helper()
	res, err := http.Get("http://" + b.address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK || string(body) != want {
		t.Errorf("plain request: got %d %q, %v, want %q", res.StatusCode, body, err, want)
	}
}

// TestOperatorDrainCountsItsOwn has one drain after another: each tells of the
// sessions that it ends itself.
func TestOperatorDrainCountsItsOwn(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, "admin: 127.0.0.1:0\ndrain: {over: 1m, deadline: 2m}\nupstreams: {main: "+up.URL+"}\nroutes: [{path: /a, upstream: main}, {path: /b, upstream: main}]\n")
	o := b.operator(t)
	for range 3 { // the last ones of /a are told a minute later
		c, _ := b.dial(t, "/a", nil)
		defer c.Close()
	}
	other, _ := b.dial(t, "/b", nil)
	defer other.Close()
	b.wantSessions(t, 4)
	for _, tt := range []struct {
		route string
		want  int
	}{{"/a", 3}, {"/b", 1}} {
		var answer admin.DrainAnswer
		o.ask(t, http.MethodPost, "/v1/drain", admin.Target{Route: tt.route}, &answer)
		if answer.Sessions != tt.want {
			t.Errorf("drain of %s: got %d sessions, want %d", tt.route, answer.Sessions, tt.want)
		}
	}
}

// TestDrainOfLegsThatSessionsDependOn ends the sessions that would not outlive
// their legs as any drain does.
func TestDrainOfLegsThatSessionsDependOn(t *testing.T) {
	main, shop := newTestService(t, "main"), newTestService(t, "admin")
	b := newTestBroker(t, "admin: 127.0.0.1:0\ndrain: {code: 1001}\n"+split(main, shop, ""))
	o := b.operator(t)
	root, both := b.joined(t, ""), b.joined(t, "", "/admin,")
	var answer admin.DrainAnswer
	o.ask(t, http.MethodPost, "/v1/drain", admin.Target{Upstream: "admin"}, &answer)
	wantCode(t, both, 1001)
	wantAlive(t, root, "")
	wantSoon(t, "legs to what is drained", 0, shop.legs.Load)
}
