package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// poller is a client of Engine.IO that polls.
type poller struct {
	t     *testing.T
	http  *http.Client
	url   string // up to the query
	query string // with the sid, once there is one
}

func (b *broker) newPoller(t *testing.T, query string) *poller {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(c.CloseIdleConnections)
	return &poller{t: t, http: c, url: "http://" + b.address + "/socket.io/", query: query}
}

// ask makes one request and returns the status, the body, and the head.
func (p *poller) ask(ctx context.Context, method, body string, head ...string) (int, string, http.Header) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, p.url+"?"+p.query, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if strings.Contains(p.query, "&j=") {
		r.Header.Set("Referer", p.url) // a script has a page, and no Origin
	}
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	res, err := p.http.Do(r)
	if err != nil {
		p.t.Errorf("%s %s: %v", method, p.query, err)
		return 0, "", nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Errorf("%s %s: %v", method, p.query, err)
	}
	return res.StatusCode, string(text), res.Header
}

// want makes one request and checks what it brings.
func (p *poller) want(method, body string, status int, answer string) {
	p.t.Helper()
	gotStatus, got, _ := p.ask(p.t.Context(), method, body)
	if gotStatus != status || got != answer {
		p.t.Errorf("%s %q: got %d %q, want %d %q", method, body, gotStatus, got, status, answer)
	}
}

// open begins a session and returns the answer.
func (p *poller) open() (body string, head http.Header) {
	p.t.Helper()
	status, body, head := p.ask(p.t.Context(), "GET", "")
	_, rest, ok := strings.Cut(body, `{"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	if status != 200 || !ok || len(sid) < 10 {
		p.t.Fatalf("handshake: got %d %q, want 200 and a sid", status, body)
	}
	p.query += "&sid=" + sid
	return body, head
}

// until polls until the answers together hold text.
func (p *poller) until(text string) string {
	p.t.Helper()
	var all strings.Builder
	for !strings.Contains(all.String(), text) {
		status, body, _ := p.ask(p.t.Context(), "GET", "")
		if status != 200 {
			p.t.Fatalf("poll: got %d %q after %q, want %q", status, body, all.String(), text)
		}
		all.WriteString(body + " ")
	}
	return all.String()
}

// go begins a request and returns what it brought, once it has.
func (p *poller) begin(ctx context.Context, method, body string) <-chan string {
	outcome := make(chan string, 1)
	go func() {
		status, body, _ := p.ask(ctx, method, body)
		outcome <- fmt.Sprint(status, " ", body)
	}()
	return outcome
}

const (
	polling4 = "EIO=4&transport=polling"
	polling3 = "EIO=3&transport=polling"
)

// newTestSplit runs a broker with two services.
func newTestSplit(t *testing.T, extra string) (b *broker, main, admin *service) {
	t.Helper()
	main, admin = newTestService(t, "main"), newTestService(t, "admin")
	return newTestBroker(t, split(main, admin, extra)), main, admin
}

// Rows E-01, E-27 of the protocol's cases, and the whole way of a namespace.
func TestPolling(t *testing.T) {
	b, main, admin := newTestSplit(t, "")
	p := b.newPoller(t, polling4+"&token=a%20b&t=x")
	_, head := p.open()
	if got := head.Get("Content-Type") + " " + head.Get("Cache-Control") + head.Get("Set-Cookie"); got != "text/plain; charset=UTF-8 no-store" {
		t.Errorf("handshake: got head %q", got)
	}
	if n := main.requests.Load() + admin.requests.Load(); n != 0 {
		t.Errorf("handshake: got %d requests upstream, want none before a namespace is joined", n)
	}
	p.want("POST", "40\x1e40/admin,{\"token\":1}", 200, "ok")
	if got := p.until(`42/admin,["hello","admin"]`); !strings.Contains(got, `40/admin,{"sid":"admin"}`) {
		t.Errorf("got %q without the namespace's CONNECT", got)
	}
	p.want("POST", `42/admin,["x","é"]`, 200, "ok")
	p.until(`42/admin,["x","é"]`)
	if got, want := admin.got(), `40/admin,{"token":1} 42/admin,["x","é"]`; got != want {
		t.Errorf("admin: got %q, want %q", got, want)
	}
	r := admin.first(t)
	if got, want := r.URL.String(), "/socket.io/?token=a%20b&EIO=4&transport=websocket"; got != want {
		t.Errorf("leg: got %q, want %q", got, want)
	}
	waits := p.begin(t.Context(), "GET", "")
	p.want("POST", "1", 200, "ok")
	if got := <-waits; got != "200 6" {
		t.Errorf("waiting GET: got %q, want a noop as the client has closed", got)
	}
	b.wantSessions(t, 0)
	wantSoon(t, "legs", 0, func() int64 { return main.legs.Load() + admin.legs.Load() })
	b.wantStop(t, patience) // after which all lines are written
	line := b.log.lines(t, "session ended")
	if len(line) != 1 || fmt.Sprint(line[0]["namespaces"]) != "[/ /admin]" {
		t.Errorf("got session lines %v, want one with the namespaces", line)
	}
}

func TestPollingEngineIO3(t *testing.T) {
	b, main, admin := newTestSplit(t, "cookie: io")
	p := b.newPoller(t, polling3+"&b64=1")
	body, head := p.open()
	if got := head.Get("Set-Cookie"); !strings.HasPrefix(got, "io=main-") || !strings.HasSuffix(got, "; Path=/; HttpOnly; SameSite=Lax") {
		t.Errorf("got cookie %q, want the sid of the leg that has /", got)
	}
	if !strings.Contains(p.query, "sid=main-") {
		t.Errorf("got %q, want the sid of the leg that has /", p.query)
	}
	if !strings.HasSuffix(body, "2:40") {
		p.until("2:40")
	}
	p.want("POST", "10:40/admin?x", 200, "ok")
	p.until(`42/admin,["hello","admin"]`)
	if main.legs.Load() != 1 || admin.legs.Load() != 1 {
		t.Errorf("got %d and %d legs, want one each", main.legs.Load(), admin.legs.Load())
	}
	p.want("POST", "1:1", 200, "ok")
	b.wantSessions(t, 0)
}

func TestJSONP(t *testing.T) {
	b, _, _ := newTestSplit(t, "")
	p := b.newPoller(t, polling3+"&j=7")
	status, body, head := p.ask(t.Context(), "GET", "")
	if status != 200 || !strings.HasPrefix(body, `___eio[7]("`) || !strings.HasSuffix(body, `");`) || head.Get("Content-Type") != "text/javascript; charset=UTF-8" {
		t.Fatalf("got %d %q %v, want a script", status, body, head)
	}
	_, rest, _ := strings.Cut(body, `sid\":\"`)
	sid, _, _ := strings.Cut(rest, `\`)
	p.query += "&sid=" + sid
	p.want("POST", "d=11%3A42%5B%22a%5C%5Cn%22%2C1%5D", 200, "ok")
	p.want("POST", "nothing", 200, "ok") // undecodable
	p.want("GET", "", 400, `{"code":1,"message":"Session ID unknown"}`)
}

// Rows E-08 to E-14 and E-30.
func TestPollingViolations(t *testing.T) {
	const unknown = `{"code":1,"message":"Session ID unknown"}`
	b, main, _ := newTestSplit(t, "max_payload: 1000")
	begin := func(t *testing.T) *poller {
		p := b.newPoller(t, polling4)
		p.open()
		p.want("POST", "40", 200, "ok")
		p.until("hello")
		return p
	}
	over := func(t *testing.T, p *poller) {
		t.Helper()
		b.wantSessions(t, 0)
		p.want("GET", "", 400, unknown)
		wantSoon(t, "legs", 0, main.legs.Load)
	}
	wantCause := func(want string) {
		t.Helper()
		wantSoon(t, "cause", want, func() string {
			lines := b.log.lines(t, "session ended")
			return fmt.Sprint(lines[len(lines)-1]["cause"])
		})
	}
	t.Run("two GETs", func(t *testing.T) {
		p := begin(t)
		one, two := p.begin(t.Context(), "GET", ""), p.begin(t.Context(), "GET", "")
		got := []string{<-one, <-two}
		if fmt.Sprint(got) != "[200 1 400 ]" && fmt.Sprint(got) != "[400  200 1]" {
			t.Errorf("got %q, want a close and a 400 without body", got)
		}
		over(t, p)
	})
	t.Run("two POSTs", func(t *testing.T) {
		p := begin(t)
		body, write := io.Pipe()
		defer write.Close()
		r, _ := http.NewRequestWithContext(t.Context(), "POST", p.url+"?"+p.query, body)
		first := make(chan string, 1)
		go func() {
			res, err := p.http.Do(r)
			if err != nil {
				first <- err.Error()
				return
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			first <- fmt.Sprint(res.StatusCode, " ", string(body))
		}()
		io.WriteString(write, "4") // the first one is being read, sooner or later
		var outcomes []string
		for b.Stats().Sessions.Open > 0 {
			status, body, _ := p.ask(t.Context(), "POST", "42[1]")
			outcomes = append(outcomes, fmt.Sprint(status, " ", body))
		}
		write.Close()
		if outcomes = append(outcomes, <-first); !slices.Contains(outcomes, "400 ") {
			t.Errorf("got %q, want 400 without body for one of two POSTs", outcomes)
		}
		over(t, p)
	})
	t.Run("octets", func(t *testing.T) {
		p := begin(t)
		if status, body, _ := p.ask(t.Context(), "POST", "x", "Content-Type", "application/octet-stream"); status != 400 || body != "" {
			t.Errorf("got %d %q, want 400 without body", status, body)
		}
		over(t, p)
	})
	t.Run("undecodable", func(t *testing.T) {
		p := begin(t)
		p.want("POST", "x", 200, "ok")
		over(t, p)
	})
	t.Run("too large", func(t *testing.T) {
		p := begin(t)
		p.want("POST", `42["`+strings.Repeat("x", 1000)+`"]`, 413, "")
		p.want("POST", `42["still there"]`, 200, "ok")
		p.until("still there")
		p.want("POST", "1", 200, "ok")
		b.wantSessions(t, 0)
		wantCause("client.closed")
	})
	t.Run("far too large", func(t *testing.T) {
		p := begin(t)
		p.want("POST", `42["`+strings.Repeat("x", 20<<20)+`"]`, 413, "")
		if lines := b.log.lines(t, "request refused"); len(lines) == 0 || lines[len(lines)-1]["rule"] != "body is beyond max_payload, 1000 bytes" {
			t.Errorf("log: got %v, want one that names max_payload", lines)
		}
		p.want("POST", "1", 200, "ok")
		b.wantSessions(t, 0)
		wantCause("client.too_big")
	})
	t.Run("another parser", func(t *testing.T) {
		const why = `{"code":3,"message":"client has a parser of its own: the route's socketio needs a fallback"}`
		for _, waits := range []bool{true, false} {
			p := b.newPoller(t, polling4)
			p.open()
			var get <-chan string
			if waits {
				get = p.begin(t.Context(), "GET", "")
				wantSoon(t, "waiting GETs", 1, func() int { return b.Stats().Namespaces.Waiting })
			}
			p.want("POST", "bg6Ro", 400, why)
			if waits {
				if got := <-get; got != "400 "+why {
					t.Errorf("GET: got %q", got)
				}
			} else {
				p.want("GET", "", 400, why)
			}
			over(t, p)
			wantCause("client.protocol")
		}
		if n := b.Stats().Namespaces.Foreign; n != 2 {
			t.Errorf("got %d counted, want 2", n)
		}
	})
	t.Run("GET aborted", func(t *testing.T) {
		p := begin(t)
		for b.Stats().Sessions.Open > 0 { // a GET that never left does not count
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			r, _ := http.NewRequestWithContext(ctx, "GET", p.url+"?"+p.query, nil)
			if res, err := p.http.Do(r); err == nil {
				res.Body.Close()
			}
			cancel()
		}
		over(t, p)
	})
}
