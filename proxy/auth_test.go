package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/crypto/bcrypt"

	"usher/proxy/command"
	"usher/proxy/config"
)

// Whatever asks, in both relays: who has no good token is told so before an upstream
// hears of it, and who has one is who the token says, whatever else the client
// claims.
func TestTokens(t *testing.T) {
	up := newTold(t)
	b := newTestBroker(t, fmt.Sprintf(`%s
upstreams: {main: %q}
routes:
  - {path: /open, upstream: main, auth: none}
  - {path: /messages, upstream: main, relay: messages}
  - {path: /, upstream: main}
`, jwtAuth, up.URL))
	good := newTestToken(t, "u1", time.Time{})
	lies := []string{"X-User-Id", "admin", "X-User-Id", "root", "X_user_id", "admin", "X-User--Id", "admin", "Connection", "X-User-Id, keep-alive"}
	for _, path := range []string{"/", "/messages"} {
		before := up.requests.Load()
		for what, h := range map[string]http.Header{
			"none": {}, "a bad one": bearer("e30.e30.e30"), "an old one": bearer(newTestToken(t, "u1", time.Now().Add(-time.Hour))), "another scheme": {"Authorization": {"Basic YTpi"}},
		} {
			c, resp, err := (&websocket.Dialer{HandshakeTimeout: patience}).Dial("ws://"+b.address+path, h)
			if resp == nil || resp.StatusCode != 401 {
				t.Fatalf("%s: got %v, %v, want 401", what, c, err)
			}
			page := b.page(t, "GET", path, h)
			for _, resp := range []*http.Response{resp, page} {
				got, want := resp.Header.Get("Www-Authenticate"), "Bearer"
				if what == "an old one" {
					want = `Bearer error="invalid_token", error_description="token expired"`
				}
				if resp.StatusCode != 401 || !strings.HasPrefix(got, want) {
					t.Errorf("%s: got %s, %q, want 401 and %q", what, resp.Status, got, want)
				}
			}
		}
		if n := up.requests.Load() - before; n != 0 {
			t.Errorf("the upstream got %d requests, want none", n)
		}
		for what, target := range map[string]string{"authorization": path, "cookie": path, "query": path + "?token=" + url.QueryEscape(good)} {
			h := http.Header{}
			switch what {
			case "authorization":
				h = bearer(good)
			case "cookie":
				h.Set("Cookie", "token="+good)
			}
			if page := b.page(t, "GET", target, h); page.StatusCode != 200 || !slices.Equal(up.users(), []string{"u1"}) {
				t.Errorf("page by %s: got %s and users %q", what, page.Status, up.users())
			}
			for i := 0; i < len(lies); i += 2 {
				if lies[i] != "Connection" {
					h[lies[i]] = append(h[lies[i]], lies[i+1])
				}
			}
			c, _ := b.dial(t, target, h)
			wantEcho(t, c, websocket.TextMessage, []byte(what))
			if !slices.Equal(up.users(), []string{"u1"}) {
				t.Errorf("socket by %s: got users %q", what, up.users())
			}
		}
		c := dialRaw(t, b.address)
		io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade, X-User-Id, Authorization\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nAuthorization: Bearer "+good+"\r\n\r\n")
		if resp, _ := readHead(t, c); resp.StatusCode != 101 || !slices.Equal(up.users(), []string{"u1"}) {
			t.Errorf("named by Connection: got %s, users %q", resp.Status, up.users())
		}
	}
	open := http.Header{"X-User-Id": {"admin"}, "X_user_id": {"admin"}}
	if page := b.page(t, "GET", "/open", open); page.StatusCode != 200 || len(up.users()) != 0 {
		t.Errorf("route without auth: got %s, users %q, want none", page.Status, up.users())
	}
	for _, line := range b.log.lines(t, "request refused") {
		if text := fmt.Sprint(line); line["reason"] != "auth" || strings.Contains(text, "e30.e30") || line["route"] == "" {
			t.Errorf("log: got %v", line)
		}
	}
}

// A token in a subprotocol is for usher alone, and what is chosen is one of the others.
func TestTokenInSubprotocol(t *testing.T) {
	up := newTold(t)
	b := newTestBroker(t, jwtAuth+"\n"+oneRoute(up.URL))
	d := &websocket.Dialer{Subprotocols: []string{"bearer." + newTestToken(t, "u1", time.Time{}), "chat"}}
	c, resp := dialWith(t, d, "ws://"+b.address+"/", nil)
	wantEcho(t, c, websocket.TextMessage, []byte("x"))
	if got := up.last.Load().Header["Sec-Websocket-Protocol"]; c.Subprotocol() != "chat" || !slices.Equal(got, []string{"chat"}) || !slices.Equal(up.users(), []string{"u1"}) {
		t.Errorf("got %q, upstream was offered %q, users %q", resp.Header, got, up.users())
	}
}

// Each request of a connection is its own user's.
func TestTokensOfOneConnection(t *testing.T) {
	up := newTold(t)
	b := newTestBroker(t, jwtAuth+"\n"+oneRoute(up.URL))
	c := dialRaw(t, b.address)
	for _, user := range []string{"u1", "", "u2"} {
		head, status := "", 401
		if user != "" {
			head, status = "Authorization: Bearer "+newTestToken(t, user, time.Time{})+"\r\n", 200
		}
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n"+head+"\r\n")
		resp, _ := readHead(t, c)
		if io.Copy(io.Discard, resp.Body); resp.StatusCode != status || user != "" && !slices.Equal(up.users(), []string{user}) {
			t.Errorf("%q: got %s, users %q", user, resp.Status, up.users())
		}
	}
}

// The end of the token ends the session, in both relays and of both kinds: within a
// second, and not before.
func TestTokenEnds(t *testing.T) {
	up, main := newTold(t), newTestService(t, "main")
	b := newTestBroker(t, fmt.Sprintf(`%s
upstreams: {told: %q, main: %q}
routes:
  - {path: /socket.io, namespaces: {/: main}}
  - {path: /messages, upstream: told, relay: messages}
  - {path: /kept, upstream: told, %s}
  - {path: /, upstream: told}
`, jwtAuth, up.URL, main.URL, strings.Replace(jwtAuth, "leeway: 0s", "leeway: 0s, on_expiry: keep", 1)))
	end := time.Now().Truncate(time.Second).Add(3 * time.Second)
	head := bearer(newTestToken(t, "u1", end))
	kept, _ := b.dial(t, "/kept", head)
	sockets := map[string]*websocket.Conn{"namespaces": b.openSocket(t, "", head)}
	for _, path := range []string{"/messages", "/"} {
		sockets[path], _ = b.dial(t, path, head)
	}
	p := b.newPoller(t, polling4)
	if status, body, _ := p.ask(t.Context(), "GET", "", "Authorization", head.Get("Authorization")); status != 200 {
		t.Fatalf("polling: got %d %q", status, body)
	} else {
		_, rest, _ := strings.Cut(body, `{"sid":"`)
		sid, _, _ := strings.Cut(rest, `"`)
		p.query += "&sid=" + sid
	}
	p.want("POST", "40", 200, "ok") // the sid stands for the token
	p.until("hello")
	for what, c := range sockets {
		_, _, err := c.ReadMessage()
		if late := time.Since(end); !websocket.IsCloseError(err, 3000) || !strings.Contains(err.Error(), "token expired") || late < 0 || late > time.Second+patience/10 {
			t.Errorf("%s: got %v, %v after its end", what, err, late)
		}
	}
	wantSoon(t, "the session that polls is unknown", 400, func() int {
		status, _, _ := p.ask(t.Context(), "GET", "")
		return status
	})
	wantEcho(t, kept, websocket.TextMessage, []byte("still there"))
	for _, line := range b.log.lines(t, "session ended") {
		if line["cause"] != "usher.expired" {
			t.Errorf("log: got %v", line)
		}
	}
}

// The handshakes of Engine.IO need a token, by both transports; the upstream's leg
// has what it says.
func TestTokensOfNamespaces(t *testing.T) {
	main := newTestService(t, "main")
	b := newTestBroker(t, fmt.Sprintf("%s\nupstreams: {main: %q}\nroutes:\n  - {path: /socket.io, namespaces: {/: main}, origins: ['https://app.test']}\n", jwtAuth, main.URL))
	p := b.newPoller(t, polling4)
	if status, body, head := p.ask(t.Context(), "GET", "", "Origin", "https://app.test"); status != 401 || head.Get("Access-Control-Allow-Origin") != "https://app.test" || head.Get("Www-Authenticate") != "Bearer" {
		t.Errorf("polling: got %d %q, %v", status, body, head)
	}
	wantOutcome(t, "socket", b.address, "/socket.io/?EIO=4&transport=websocket", nil, 401)
	c := b.openSocket(t, "", bearer(newTestToken(t, "u1", time.Time{}), "X-User-Id", "admin"))
	send(t, c, "40")
	wantSoon(t, "legs", 1, main.legs.Load)
	if got := main.first(t).Header["X-User-Id"]; !slices.Equal(got, []string{"u1"}) {
		t.Errorf("leg: got users %q", got)
	}
}

// What the service says is what becomes of sockets and pages: its cookies come with
// the answer, its no is the client's, and nobody comes in if it is gone.
func TestForwardAuth(t *testing.T) {
	up := newTold(t)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "session=1" {
			http.Redirect(w, r, "https://id.test/login?rd="+url.QueryEscape(r.Header.Get("X-Original-Url")), http.StatusFound)
			return
		}
		w.Header().Set("X-User-Id", "u1")
		w.Header().Set("Set-Cookie", "session=2")
		if strings.HasPrefix(r.Header.Get("X-Forwarded-Uri"), "/short") {
			w.Header().Set("X-Auth-Expires", fmt.Sprint(time.Now().Unix()+2))
		}
	}))
	b := newTestBroker(t, fmt.Sprintf("admin: 127.0.0.1:0\nauth: {forward: {url: %q, headers: X-User-Id, timeout: 1s}}\n%s", service.URL, oneRoute(up.URL)))
	in := http.Header{"Cookie": {"session=1"}, "X-User-Id": {"admin"}}
	for _, path := range []string{"/a?b=c", "/d"} {
		page := b.page(t, "GET", path, http.Header{})
		if want := "https://id.test/login?rd=" + url.QueryEscape("http://"+b.address+path); page.StatusCode != 302 || page.Header.Get("Location") != want {
			t.Errorf("page: got %s to %q, want %q", page.Status, page.Header.Get("Location"), want)
		}
		wantOutcome(t, "socket", b.address, path, nil, 302)
		c, resp := b.dial(t, path, in)
		page = b.page(t, "GET", path, in)
		for _, resp := range []*http.Response{resp, page} {
			if !slices.Equal(resp.Header["Set-Cookie"], []string{"session=2"}) || !slices.Equal(up.users(), []string{"u1"}) {
				t.Errorf("%s: got cookies %q, users %q", resp.Status, resp.Header["Set-Cookie"], up.users())
			}
		}
		wantEcho(t, c, websocket.TextMessage, []byte("x"))
	}
	short, _ := b.dial(t, "/short", in)
	wantClosed(t, short, 3000)
	service.Close()
	if page := b.page(t, "GET", "/", in); page.StatusCode != 503 || page.Header.Get("Retry-After") == "" {
		t.Errorf("service has gone: got %s, want 503", page.Status)
	}
	wantOutcome(t, "service has gone", b.address, "/", in, 503)
	var out strings.Builder
	if err := command.Status(t.Context(), &out, command.StatusOptions{OperatorOptions: command.OperatorOptions{Admin: b.AdminAddress()}}); err != nil || !strings.Contains(out.String(), "auth cannot be asked: forward "+service.URL) {
		t.Errorf("status: got %v\n%s", err, out.String())
	}
}

// Names and passwords are read again when they change, and a reload's rules count for
// who comes then.
func TestBasicAuth(t *testing.T) {
	up := newTold(t)
	dir := t.TempDir()
	hash, err := bcrypt.GenerateFromPassword([]byte("one"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "users"), append([]byte("ann:"), hash...), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "listen: 127.0.0.1:0\nauth: {basic: {users: users, realm: staff}}\n" + oneRoute(up.URL)
	b := newTestBrokerIn(t, dir, text)
	in := http.Header{"Authorization": {"Basic YW5uOm9uZQ=="}}
	if page := b.page(t, "GET", "/", http.Header{}); page.StatusCode != 401 || page.Header.Get("Www-Authenticate") != `Basic realm="staff", charset="UTF-8"` {
		t.Errorf("nobody: got %s, %q", page.Status, page.Header.Get("Www-Authenticate"))
	}
	c, _ := b.dial(t, "/", in)
	for range 3 {
		again, _ := b.dial(t, "/", in)
		wantEcho(t, again, websocket.TextMessage, []byte("x"))
	}
	reload := func(text string) error {
		cfg, err := config.Parse(filepath.Join(dir, "routes.yaml"), []byte(text), os.LookupEnv)
		if err != nil {
			t.Fatal(err)
		}
		return b.Reload(cfg)
	}
	if err := reload(strings.Replace(text, "users: users", "users: nobody", 1)); err == nil || !strings.Contains(err.Error(), "routes.yaml:2:23: basic: ") {
		t.Errorf("file that is not there: got %v", err)
	}
	if err := reload(strings.Replace(text, "{basic: {users: users, realm: staff}}", "{jwt: {secret: "+tokenSecret+", audience: chat}}", 1)); err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, "another rule", b.address, "/", in, 401)
	wantEcho(t, c, websocket.TextMessage, []byte("still there"))
}

// Trailers say nothing either: some upstreams merge them with the headers.
func TestTokensAndTrailers(t *testing.T) {
	got := make(chan http.Header, 1)
	up := newTestBackend(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		got <- r.Trailer
	})
	b := newTestBroker(t, fmt.Sprintf("%s\nupstreams: {main: %q}\nroutes: [{path: /, upstream: main}, {path: /open, upstream: main, auth: none}]\n", jwtAuth, up.URL))
	for _, path := range []string{"/", "/open"} {
		c := dialRaw(t, b.address)
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\nTrailer: X-User-Id, X_User_Id, X-Sum\r\n\r\n1\r\na\r\n0\r\nX-User-Id: root\r\nX_User_Id: root\r\nX-Sum: 1\r\n\r\n",
			path, newTestToken(t, "u1", time.Time{}))
		if resp, _ := readHead(t, c); resp.StatusCode != 200 {
			t.Fatalf("%s: got %s", path, resp.Status)
		}
		if trailer := <-got; len(trailer) != 1 || trailer.Get("X-Sum") != "1" {
			t.Errorf("%s: got trailers %v, want X-Sum alone", path, trailer)
		}
	}
}

// Who writes the year 9999 means never.
func TestTokenOfAllTime(t *testing.T) {
	up := newTold(t)
	b := newTestBroker(t, jwtAuth+"\n"+oneRoute(up.URL))
	c, _ := b.dial(t, "/", bearer(newTestToken(t, "u1", time.Unix(253402300799, 0))))
	wantEcho(t, c, websocket.TextMessage, []byte("x"))
	c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if _, _, err := c.ReadMessage(); websocket.IsCloseError(err, 3000) {
		t.Errorf("got %v", err)
	}
}
