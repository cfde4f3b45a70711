package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"usher/proxy/admin"
)

// pollee is an upstream that speaks as much of Engine.IO's polling as a test
// needs: it answers with its name to sids that it has given, and to others as
// the reference server does.
type pollee struct {
	*backend
	name  string
	given atomic.Int64

	mu   sync.Mutex
	sids map[string]bool
	last *http.Request // guarded by mu
}

const unknownSID = `{"code":1,"message":"Session ID unknown"}`

func newPollee(t *testing.T, name string) *pollee {
	t.Helper()
	p := &pollee{name: name, sids: make(map[string]bool)}
	p.backend = newTestBackend(t, p.serve)
	return p
}

func newPollees(t *testing.T, n int) (list []*pollee, urls []string) {
	t.Helper()
	for i := range n {
		p := newPollee(t, string(rune('a'+i)))
		list, urls = append(list, p), append(urls, p.URL)
	}
	return list, urls
}

func (p *pollee) serve(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	sid := q.Get("sid")
	p.mu.Lock()
	p.last = r
	known := p.sids[sid]
	p.mu.Unlock()
	w.Header().Set("X-Served-By", p.name)
	switch {
	case r.Header.Get("Upgrade") != "" && (sid == "" || known):
		p.upgrade(w, r)
	case sid != "" && !known:
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, unknownSID)
	case sid == "" && q.Get("transport") == "polling" && r.Method == http.MethodGet:
		p.open(w, q.Get("EIO"), q.Get("j"))
	default:
		io.WriteString(w, p.name)
	}
}

func (p *pollee) upgrade(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	c.WriteMessage(websocket.TextMessage, []byte(p.name))
	c.ReadMessage()
}

func (p *pollee) open(w http.ResponseWriter, revision, j string) {
	sid := fmt.Sprintf("%s-%d", p.name, p.given.Add(1))
	p.mu.Lock()
	p.sids[sid] = true
	p.mu.Unlock()
	packet := fmt.Sprintf(`0{"sid":"%s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}`, sid)
	if revision == "3" {
		packet = fmt.Sprintf("%d:%s", len(packet), packet)
	}
	if j != "" {
		packet = `___eio[` + j + `]("` + strings.ReplaceAll(packet, `"`, `\"`) + `");`
	}
	io.WriteString(w, packet)
}

// lastRequest is the last one that came.
func (p *pollee) lastRequest() *http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// begin opens a session and returns its sid as the client knows it, and the
// name of the endpoint.
func (b *broker) begin(t *testing.T, query string) (sid, name string) {
	t.Helper()
	p := b.newPoller(t, query)
	status, body, head := p.ask(t.Context(), "GET", "", "Accept-Encoding", "gzip")
	_, rest, ok := strings.Cut(strings.ReplaceAll(body, `\"`, `"`), `"sid":"`)
	if status != 200 || !ok {
		t.Fatalf("handshake: got %d %q", status, body)
	}
	sid, _, _ = strings.Cut(rest, `"`)
	return sid, head.Get("X-Served-By")
}

// wantUpgrade opens a WebSocket and wants the endpoint of that name.
func (b *broker) wantUpgrade(t *testing.T, path, want string) {
	t.Helper()
	c, _ := b.dial(t, path, nil)
	defer c.Close()
	if _, got, err := c.ReadMessage(); err != nil || string(got) != want {
		t.Errorf("upgrade %s: got %q, %v, want %s", path, got, err, want)
	}
}

func pair(urls []string) string { return strings.Join(urls, ", ") }

const affinityRoutes = `
routes: [{path: /, upstream: main}, {path: /messages, upstream: main, relay: messages}]
`

// Every request of a session comes to the endpoint that has begun it.
func TestAffinityOfEngineIO(t *testing.T) {
	list, urls := newPollees(t, 4)
	b := newTestBroker(t, "upstreams: {main: ["+pair(urls)+"]}"+affinityRoutes)
	for _, query := range []string{polling4, polling3, polling4 + "&j=0", polling3 + "&j=3", polling4 + "&t=a%20b"} {
		used := make(map[string]bool)
		for range 8 {
			sid, name := b.begin(t, query)
			used[name] = true
			if tagged := strings.Contains(sid, "~"); tagged != !strings.HasPrefix(query, polling3) {
				t.Errorf("%s: got sid %q", query, sid)
			}
			p := b.newPoller(t, query+"&sid="+sid)
			p.want("GET", "", 200, name)
			p.want("POST", "1:2", 200, name)
			websocket := strings.Replace(query, "polling", "websocket", 1) + "&sid=" + sid
			b.wantUpgrade(t, "/socket.io/?"+websocket, name)
			b.wantUpgrade(t, "/messages/?"+websocket, name)
			p.want("GET", "", 200, name) // until it has seen the upgrade succeed
			r := list[name[0]-'a'].lastRequest()
			if raw := r.URL.RawQuery; strings.Contains(raw, "~") || strings.Contains(raw, "%7E") {
				t.Errorf("upstream: got query %q, want no tag in it", raw)
			}
		}
		if len(used) < 4 {
			t.Errorf("%s: 8 sessions came to %d of 4 endpoints in turn", query, len(used))
		}
	}
}

// Row 24 of the attacks: who makes up a sid, or a tag, comes to no endpoint.
func TestRow24ForgedSIDs(t *testing.T) {
	list, urls := newPollees(t, 2)
	b := newTestBroker(t, "upstreams: {main: ["+pair(urls)+"]}"+affinityRoutes)
	sid, _ := b.begin(t, polling4)
	before := list[0].requests.Load() + list[1].requests.Load()
	bare, tag, _ := strings.Cut(sid, "~")
	for _, forged := range []string{"x", bare, bare + "~", "x~" + tag, sid + "x", sid[:len(sid)-1], strings.Repeat("~", 5000), "%00", urls[0]} {
		for _, revision := range []string{"3", "4"} {
			query := "EIO=" + revision + "&transport=polling&sid=" + forged
			p := b.newPoller(t, query)
			p.want("GET", "", 400, unknownSID)
			p.want("POST", "2", 400, unknownSID)
			for _, path := range []string{"/socket.io/?", "/messages/?"} {
				head := strings.Replace(upgradeHead, "GET /ws ", "GET "+path+strings.Replace(query, "polling", "websocket", 1)+" ", 1)
				got := exchange(t, b.address, head)
				if got.StatusCode != 400 || got.body != "Session ID unknown" || got.Header.Get("Content-Type") != "text/html" {
					t.Errorf("upgrade with sid %.30q: got %d %q", forged, got.StatusCode, got.body)
				}
			}
		}
	}
	if n := list[0].requests.Load() + list[1].requests.Load() - before; n != 0 {
		t.Errorf("requests upstream: got %d, want none", n)
	}
	if n := b.Stats().Refusals["engine_io"]; n != 9*2*4 {
		t.Errorf("refusals: got %d, want %d", n, 9*2*4)
	}
	if strings.Contains(b.log.String(), tag) {
		t.Error("log: got a tag in it")
	}
	// A browser asks for leave before it asks.
	if status, _, _ := b.newPoller(t, polling4+"&sid=x").ask(t.Context(), "OPTIONS", ""); status != 400 || list[0].requests.Load()+list[1].requests.Load() != before+1 {
		t.Errorf("preflight: got %d, want an endpoint's own answer", status)
	}
}

// Ushers with the same secret, such as before and after a restart, know each
// other's tags.
func TestAffinitySecret(t *testing.T) {
	_, urls := newPollees(t, 2)
	text := "upstreams: {main: [" + pair(urls) + "]}" + affinityRoutes
	const secret = "affinity_secret: 0123456789abcdef\n"
	sid, name := newTestBroker(t, secret+text).begin(t, polling4)
	newTestBroker(t, secret+text).newPoller(t, polling4+"&sid="+sid).want("GET", "", 200, name)
	for _, other := range []string{"", "affinity_secret: 0123456789abcdeX\n"} {
		newTestBroker(t, other+text).newPoller(t, polling4+"&sid="+sid).want("GET", "", 400, unknownSID)
	}
}

// With one endpoint nothing is written; what it began goes on when another
// comes, or when all but it go.
func TestAffinityThroughReloads(t *testing.T) {
	list, urls := newPollees(t, 4)
	file := func(urls []string) string { return "upstreams: {main: [" + pair(urls) + "]}" + affinityRoutes }
	b := newTestBroker(t, file(urls[:1]))
	type begun struct{ query, name string }
	var all []begun
	open := func(n int) {
		t.Helper()
		for range n {
			for _, query := range []string{polling3, polling4} {
				sid, name := b.begin(t, query)
				all = append(all, begun{query + "&sid=" + sid, name})
			}
		}
	}
	check := func(why, gone string) {
		t.Helper()
		for _, s := range all {
			p := b.newPoller(t, s.query)
			if s.name == gone {
				p.want("GET", "", 400, unknownSID)
				continue
			}
			p.want("GET", "", 200, s.name)
			b.wantUpgrade(t, "/?"+strings.Replace(s.query, "polling", "websocket", 1), s.name)
		}
		if t.Failed() {
			t.Fatal(why)
		}
	}
	open(2)
	for _, s := range all {
		if strings.Contains(s.query, "~") {
			t.Errorf("one endpoint: got %q, want no tag", s.query)
		}
	}
	check("one endpoint", "")
	for _, step := range []struct {
		name, gone string
		urls       []string
	}{
		{"three come", "", urls}, {"another order", "", []string{urls[2], urls[3], urls[0], urls[1]}},
		{"one goes", "c", []string{urls[0], urls[1], urls[3]}}, {"it comes again", "", urls},
	} {
		b.reload(t, file(step.urls))
		check(step.name, step.gone)
		open(4)
	}
	b.reload(t, file(urls[1:2]))
	for _, s := range all {
		if s.name == "b" {
			b.newPoller(t, s.query).want("GET", "", 200, "b")
		}
	}
	if list[1].given.Load() < 3 {
		t.Errorf("sessions of the one that stays: got %d, want some", list[1].given.Load())
	}
}

// What belongs to an endpoint goes there in any state, and nowhere else.
func TestAffinityToAnEndpointThatTakesNobody(t *testing.T) {
	list, urls := newPollees(t, 2)
	b := newTestBroker(t, fmt.Sprintf("admin: 127.0.0.1:0\nupstreams: {main: [{url: %s, max_sessions: 1}, {url: %s, max_sessions: 1}]}", urls[0], urls[1])+affinityRoutes)
	sid, name := b.begin(t, polling4)
	mine := list[name[0]-'a']
	full, _ := b.dial(t, "/?EIO=4&transport=websocket", nil)
	defer full.Close()
	b.dial(t, "/?EIO=4&transport=websocket", nil)
	b.wantUpgrade(t, "/?EIO=4&transport=websocket&sid="+sid, name)

	var drained any
	b.operator(t).ask(t, http.MethodPost, "/v1/drain", admin.Target{Endpoint: mine.URL}, &drained)
	p := b.newPoller(t, polling4+"&sid="+sid)
	p.want("GET", "", 200, name)
	for range 4 {
		if _, other := b.begin(t, polling4); other == name {
			t.Errorf("new session: got the endpoint that is disabled")
		}
	}
	mine.CloseClientConnections()
	mine.Listener.Close()
	before := list[0].requests.Load() + list[1].requests.Load()
	if status, body, _ := p.ask(t.Context(), "GET", ""); status != 502 {
		t.Errorf("endpoint that is gone: got %d %q, want 502", status, body)
	}
	if n := list[0].requests.Load() + list[1].requests.Load() - before; n != 0 {
		t.Errorf("requests at the other: got %d, want none", n)
	}
}

// cookieOf returns the cookie of usher's own in an answer.
// A secret that a reload changes is named in the log, and not told.
func TestReloadOfAffinitySecret(t *testing.T) {
	_, urls := newPollees(t, 2)
	text := "upstreams: {main: [" + pair(urls) + "]}" + affinityRoutes
	b := newTestBroker(t, "affinity_secret: first-secret-of-all\n"+text)
	sid4, _ := b.begin(t, polling4)
	sid3, name3 := b.begin(t, polling3)
	b.reload(t, "affinity_secret: second-secret-of-all\n"+text)
	b.newPoller(t, polling4+"&sid="+sid4).want("GET", "", 400, unknownSID)
	b.newPoller(t, polling3+"&sid="+sid3).want("GET", "", 200, name3) // what was learned stays
	if n := len(b.log.lines(t, "not reloaded: it takes a restart")); n != 1 {
		t.Errorf("lines about what takes a restart: got %d, want 1", n)
	}
	if strings.Contains(b.log.String(), "-secret-of-all") {
		t.Errorf("log tells a secret:\n%s", b.log)
	}
}
