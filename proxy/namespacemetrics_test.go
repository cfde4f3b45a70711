package proxy_test

import (
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"usher/proxy/admin"
	"usher/proxy/command"
)

// TestMetricsCountNamespaces checks what is counted of routes with namespaces
// against traffic of known shape.
func TestMetricsCountNamespaces(t *testing.T) {
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	b := newTestBroker(t, "admin: 127.0.0.1:0\n"+split(main, admin, ""))
	o := b.operator(t)
	openKindsOfSessions(t, b)

	admin.refuse(http.StatusForbidden)
	c := b.openSocket(t, "", nil)
	send(t, c, "40/admin,")
	wantText(t, c, `44/admin,{"message":"not admin","data":{"status":403}}`)
	send(t, c, "40/nobody,")
	wantText(t, c, `44/nobody,{"message":"Invalid namespace"}`)
	send(t, c, "1")
	c.Close()
	b.wantSessions(t, 5)
	for range 3 {
		b.newPoller(t, polling4+"&sid=x").want("GET", "", http.StatusBadRequest, unknownSID)
	}

	got := scrape(t, o)
	const route = `route="/socket.io",upstream="(namespaces)"`
	for name, want := range map[string]float64{
		"usher_sessions_open{" + route + "}":                                              5,
		"usher_sessions_opened_total{" + route + "}":                                      6,
		`usher_session_ends_total{cause="client.closed",close_code="1000",` + route + "}": 1,
		`usher_engineio_sessions_open{revision="4",transport="websocket"}`:                3,
		`usher_engineio_sessions_open{revision="4",transport="polling"}`:                  1,
		`usher_engineio_sessions_open{revision="3",transport="polling"}`:                  1,
		`usher_engineio_sessions_open{revision="3",transport="websocket"}`:                0,
		`usher_engineio_sessions_open{revision="4",transport="probing"}`:                  0,
		`usher_engineio_sessions_opened_total{revision="4",transport="websocket"}`:        3,
		`usher_engineio_sessions_opened_total{revision="4",transport="polling"}`:          2,
		`usher_engineio_sessions_opened_total{revision="3",transport="polling"}`:          1,
		`usher_engineio_sessions_opened_total{revision="3",transport="websocket"}`:        0,
		`usher_engineio_probes_total`:                                                     2,
		`usher_engineio_upgrades_total{result="done"}`:                                    1,
		`usher_engineio_upgrades_total{result="failed"}`:                                  1,
		`usher_engineio_errors_total{error="Session ID unknown",route="/socket.io"}`:      3,
		`usher_engineio_errors_total{error="Transport unknown",route="/socket.io"}`:       0,
		`usher_engineio_sids`:          5,
		`usher_engineio_polls_waiting`: 1,
		`usher_engineio_packets_dropped_total{reason="unknown_namespace"}`:                          0,
		`usher_refusals_total{reason="engine_io",route="/socket.io"}`:                               3,
		`usher_namespaces_open{upstream="main"}`:                                                    5,
		`usher_namespaces_open{upstream="admin"}`:                                                   1,
		`usher_namespaces_waiting{upstream="main"}`:                                                 0,
		`usher_namespaces_refused_total`:                                                            2,
		`usher_namespaces_given_up_total`:                                                           0,
		`usher_namespaces_held_long_total`:                                                          0,
		`usher_legs_open{upstream="main"}`:                                                          5,
		`usher_legs_open{upstream="admin"}`:                                                         1,
		`usher_legs_total{result="opened",upstream="main"}`:                                         5,
		`usher_legs_total{result="opened",upstream="admin"}`:                                        1,
		`usher_legs_total{result="declined",upstream="admin"}`:                                      1,
		`usher_legs_total{result="failed",upstream="admin"}`:                                        0,
		`usher_leg_seconds_count{upstream="main"}`:                                                  5,
		`usher_leg_messages_total{direction="to_upstream",upstream="admin"}`:                        1,
		`usher_leg_messages_total{direction="from_upstream",upstream="admin"}`:                      3,
		`usher_leg_redials_total`:                                                                   0,
		`usher_foreign_parsers_total`:                                                               0,
		`usher_opaque_sessions_total`:                                                               0,
		"usher_paused_legs":                                                                         0,
		fmt.Sprintf("usher_endpoint_sessions{endpoint=%q,upstream=%q}", main.URL, "main"):           5,
		fmt.Sprintf("usher_endpoint_sessions{endpoint=%q,upstream=%q}", admin.URL, "admin"):         1,
		fmt.Sprintf("usher_endpoint_dials_total{endpoint=%q,upstream=%q}", admin.URL, "admin"):      2,
		fmt.Sprintf("usher_endpoint_unanswered_total{endpoint=%q,upstream=%q}", admin.URL, "admin"): 0,
	} {
		if have, ok := got[name]; !ok || have != want {
			t.Errorf("%s: got %v (there: %t), want %v", name, have, ok, want)
		}
	}
	wantLint(t, o)
}

// openKindsOfSessions opens five: three by WebSocket of which one has polled
// first and one has joined both namespaces, and two that poll, one of them
// waiting. Each has joined "/".
func openKindsOfSessions(t *testing.T, b *broker) {
	t.Helper()
	b.joined(t, "", "/admin,")
	b.joined(t, "")
	p := b.newPoller(t, polling4)
	p.open()
	p.want("POST", "40", http.StatusOK, "ok")
	p.until("hello")
	_, sid, _ := strings.Cut(p.query, "&sid=")
	probe := func() *websocket.Conn {
		c, _ := b.dial(t, "/socket.io/?EIO=4&transport=websocket&sid="+sid, nil)
		send(t, c, "2probe")
		wantText(t, c, "3probe")
		return c
	}
	probe().Close()
	wantSoon(t, "probes that failed", 1, func() uint64 { return b.Stats().Namespaces.UpgradesFailed })
	c := probe()
	send(t, c, "5", `42["one"]`)
	wantText(t, c, `42["one"]`)

	old := b.newPoller(t, polling3)
	old.open()
	p = b.newPoller(t, polling4)
	p.open()
	p.want("POST", "40", http.StatusOK, "ok")
	p.until("hello")
	fmt.Fprintf(dialRaw(t, b.address), "GET /socket.io/?%s HTTP/1.1\r\nHost: a\r\n\r\n", p.query)
	wantSoon(t, "waiting GETs", 1, func() int { return b.Stats().Namespaces.Waiting })
}

// An operator sees of a session with namespaces what it speaks, where it is
// connected, and through which endpoints.
func TestAdminShowsNamespaces(t *testing.T) {
	main, back := newTestService(t, "main"), newTestService(t, "admin")
	b := newTestBroker(t, "admin: 127.0.0.1:0\n"+split(main, back, ""))
	o := b.operator(t)
	address := func(s *service) string { return strings.TrimPrefix(s.URL, "http://") }
	poller := b.newPoller(t, polling3)
	poller.open()
	both := b.joined(t, "", "/admin,")
	plain, _ := b.dial(t, "/socket.io/?EIO=4&transport=websocket", nil)

	page := get[admin.SessionPage](t, o, "/v1/sessions")
	if len(page.Sessions) != 3 {
		t.Fatalf("got %+v, want 3 sessions", page)
	}
	root, other := admin.Leg{Upstream: "main", Endpoint: address(main)}, admin.Leg{Upstream: "admin", Endpoint: address(back)}
	for i, want := range []admin.Split{
		{Transport: "websocket", Revision: 4, Namespaces: []string{}, Waiting: []string{}, Legs: []admin.Leg{}},
		{Transport: "websocket", Revision: 4, Namespaces: []string{"/", "/admin"}, Waiting: []string{}, Legs: []admin.Leg{root, other}},
		{Transport: "polling", Revision: 3, Namespaces: []string{"/"}, Waiting: []string{}, Legs: []admin.Leg{root}},
	} {
		if got := page.Sessions[i]; got.Split == nil || !reflect.DeepEqual(*got.Split, want) {
			t.Errorf("session %d: got %+v, want %+v", i, got.Split, want)
		}
	}
	one := get[admin.Session](t, o, "/v1/sessions/"+page.Sessions[1].ID)
	if one.Split == nil || !reflect.DeepEqual(*one.Split, *page.Sessions[1].Split) {
		t.Errorf("one session: got %+v, want as in the list", one.Split)
	}

	plain.Close()
	both.Close()
	b.wantSessions(t, 1)
	ended := get[admin.EndedPage](t, o, "/v1/sessions/ended?q="+page.Sessions[1].ID)
	if len(ended.Sessions) != 1 || !slices.Equal(ended.Sessions[0].Namespaces, []string{"/", "/admin"}) {
		t.Errorf("ended: got %+v, want its namespaces", ended)
	}
	var out bytes.Buffer
	status := command.StatusOptions{OperatorOptions: command.OperatorOptions{Admin: b.AdminAddress()}, Ended: true, Limit: 10}
	if err := command.Status(t.Context(), &out, status); err != nil || !strings.Contains(out.String(), "  / /admin") || !strings.Contains(out.String(), " main="+address(main)+" admin="+address(back)+" ") {
		t.Errorf("usher status --ended: got %v and %s, want the namespaces and legs", err, &out)
	}
	out.Reset()
	status.Ended, status.Limit = false, 0
	if err := command.Status(t.Context(), &out, status); err != nil || !strings.Contains(out.String(), "/socket.io  by namespace  1 ") {
		t.Errorf("usher status: got %v and %s, want the route", err, &out)
	}
}
