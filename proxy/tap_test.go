package proxy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/admin"
	"usher/proxy/leaktest"
	"usher/proxy/tap"
)

// tapped reads a tap.
type tapped struct {
	t      *testing.T
	lines  *bufio.Reader
	cancel context.CancelFunc
}

// tap opens a tap, which is on when it returns.
func (o *operator) tap(t *testing.T, query string) *tapped {
	t.Helper()
	p, status := o.tryTap(t, query)
	if status != http.StatusOK {
		t.Fatalf("tap: got %d, want 200", status)
	}
	return p
}

func (o *operator) tryTap(t *testing.T, query string) (*tapped, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, o.url+"/v1/tap"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if o.token != "" {
		r.Header.Set("Authorization", "Bearer "+o.token)
	}
	resp, err := o.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, resp.StatusCode
	}
	t.Cleanup(func() { resp.Body.Close() })
	return &tapped{t, bufio.NewReader(resp.Body), cancel}, resp.StatusCode
}

func (p *tapped) next() (line admin.TapLine) {
	p.t.Helper()
	text, err := p.lines.ReadBytes('\n')
	if err != nil {
		p.t.Fatalf("tap: %v", err)
	}
	if err := json.Unmarshal(text, &line); err != nil {
		p.t.Fatalf("tap: %v in %s", err, text)
	}
	return line
}

// want wants these lines to be next.
func (p *tapped) want(why string, want ...string) {
	p.t.Helper()
	for i, w := range want {
		if got := tapWords(p.next()); got != w {
			p.t.Fatalf("%s: line %d: got %q, want %q", why, i+1, got, w)
		}
	}
}

func tapWords(l admin.TapLine) string {
	f := l.TapFrame
	if f == nil {
		return fmt.Sprintf("missed %d, end %q", l.Missed, l.End)
	}
	words := []string{f.From + ">" + f.To, f.Opcode}
	add := func(yes bool, word string) {
		if yes {
			words = append(words, word)
		}
	}
	add(f.Leg != "", "leg "+f.Leg)
	add(!f.Fin, "more")
	add(f.Compressed, "compressed")
	add(f.Polling, "polling")
	words = append(words, fmt.Sprint(f.Size))
	add(f.Code != 0, fmt.Sprint(f.Code))
	add(f.Text != "", f.Text)
	add(f.Hex != "", "hex "+f.Hex)
	add(f.Cut, "cut")
	return strings.Join(words, " ")
}

// TestTap wants the frames of either relay as they passed.
func TestTap(t *testing.T) {
	up := newTestBackend(t, echo)
	for _, path := range []string{"/a", "/m"} {
		t.Run(path, func(t *testing.T) {
			b := newTestBroker(t, fmt.Sprintf(adminFile, up.URL))
			o := b.operator(t)
			c, _ := b.dial(t, path, nil)
			other, _ := b.dial(t, "/b", nil)
			p := o.tap(t, "?bytes=10&route="+path)
			wantEcho(t, other, websocket.TextMessage, []byte("not of this route"))
			wantEcho(t, c, websocket.TextMessage, []byte("hello"))
			p.want("text", "client>upstream text 5 hello", "upstream>client text 5 hello")
			wantEcho(t, c, websocket.BinaryMessage, make([]byte, 3000))
			p.want("binary", "client>upstream binary 3000 hex 00000000000000000000 cut", "upstream>client binary 3000 hex 00000000000000000000 cut")
			wantEcho(t, c, websocket.TextMessage, []byte(`token=abc`))
			p.want("secret", "client>upstream text 9 token=***", "upstream>client text 9 token=***")
			c.WriteControl(websocket.PingMessage, []byte("hi"), time.Now().Add(patience))
			p.want("ping", "client>upstream ping 2 hi", "upstream>client pong 2 hi")
			c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4000, "bye"))
			wantClosed(t, c, 4000)
			p.want("close", "client>upstream close 5 4000 bye", "upstream>client close 2 4000")
		})
	}
}

// TestTapOfFragments wants each frame of a message, and text of the first only:
// what follows may be the rest of a secret.
func TestTapOfFragments(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf(adminFile, up.URL))
	p := b.operator(t).tap(t, "")
	d := websocket.Dialer{WriteBufferSize: 20}
	c, _ := dialWith(t, &d, "ws://"+b.address+"/a", nil)
	w, err := c.NextWriter(websocket.TextMessage)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`{"password":"firstpart`, `secondpart"}`} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	size := int64(0)
	for i := 0; ; i++ {
		l := p.next()
		if l.TapFrame == nil || l.From != "client" || strings.Contains(l.Text, "part") || i > 0 && (l.Text != "" || l.Opcode != "continuation") {
			t.Fatalf("frame %d: got %q, want one of the client's without the secret", i, tapWords(l))
		}
		if size += l.Size; l.Fin {
			break
		}
	}
	if size != 34 {
		t.Errorf("got %d bytes in all frames, want 34", size)
	}
	p.want("echo", `upstream>client text 34 {"password":"***"}`)
}

func TestTapOfCompressed(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf(adminFile, up.URL))
	d := websocket.Dialer{EnableCompression: true}
	c, _ := dialWith(t, &d, "ws://"+b.address+"/a", nil)
	p := b.operator(t).tap(t, "")
	wantEcho(t, c, websocket.TextMessage, []byte(strings.Repeat("a", 1000)))
	for _, from := range []string{"client", "upstream"} {
		if l := p.next(); l.From != from || !l.Compressed || l.Text != "" || l.Hex != "" || l.Size >= 1000 {
			t.Errorf("from %s: got %q, want a compressed one without its payload", from, tapWords(l))
		}
	}
}

// TestTapOfUshersOwn wants the frames that usher sends itself.
func TestTapOfUshersOwn(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf(adminFile, up.URL))
	o := b.operator(t)
	for _, path := range []string{"/a", "/m"} {
		c, _ := b.dial(t, path, nil)
		wantEcho(t, c, websocket.TextMessage, []byte("hello"))
		id := get[admin.SessionPage](t, o, "/v1/sessions?route="+path).Sessions[0].ID
		p := o.tap(t, "?session="+id[:len(id)-4])
		o.ask(t, http.MethodDelete, "/v1/sessions/"+id, nil, &admin.Closed{})
		wantClosed(t, c, 1008)
		said := map[string]bool{}
		for {
			words := tapWords(p.next())
			if said[words] = true; strings.Contains(words, "end") {
				break
			}
		}
		for _, want := range []string{
			"usher>client close 23 1008 closed by an operator", "usher>upstream close 23 1008 closed by an operator",
			"client>upstream close 2 1008", `missed 0, end "the session has ended"`,
		} {
			if !said[want] {
				t.Errorf("%s: got %v, want %q", path, said, want)
			}
		}
	}
}

// TestTapOfNamespaces wants what the client and the legs send, by both
// transports, and no CONNECT's payload.
func TestTapOfNamespaces(t *testing.T) {
	main, second := newTestService(t, "main"), newTestService(t, "admin")
	b := newTestBroker(t, "admin: 127.0.0.1:0\n"+split(main, second, ""))
	p := b.operator(t).tap(t, "")
	all := func(until string) string {
		t.Helper()
		var list []string
		for {
			words := tapWords(p.next())
			if list = append(list, words); strings.Contains(words, until) {
				return strings.Join(list, "\n") + "\n"
			}
		}
	}
	c := b.openSocket(t, "", nil)
	send(t, c, `40/admin,{"password":"hush","x":"hush"}`)
	c.ReadMessage()
	c.ReadMessage()
	send(t, c, `42/admin,["alive","hush"]`, `42/admin,["token","hush"]`)
	got := all(`leg admin 25 42/admin,["token","***"]`)
	for _, want := range []string{
		"client>upstream text 39 40/admin,***\n", "leg admin",
		`client>upstream text 25 42/admin,["alive","hush"]` + "\n", `upstream>client text leg admin 25 42/admin,["alive","hush"]` + "\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("WebSocket: got\n%swant %q", got, want)
		}
	}
	if strings.Count(got, "hush") != 2 {
		t.Errorf("WebSocket: got\n%swant no secret", got)
	}
	c.Close()
	poll := b.newPoller(t, polling4)
	poll.open()
	poll.want("POST", `40{"token":"hush"}`+"\x1e"+`42["alive",1]`, 200, "ok")
	poll.until("alive")
	got = all(`upstream>client text leg main 13 42["alive",1]`)
	if n := strings.Count(got, "usher>client text polling "); n != 1 || !strings.Contains(got, `{"sid":"***"`) {
		t.Errorf("polling: got\n%swant usher's open packet, once, without the sid", got)
	}
	for _, want := range []string{"client>upstream text polling 18 40***\n", `client>upstream text polling 13 42["alive",1]` + "\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("polling: got\n%swant %q", got, want)
		}
	}
}

// TestTapIsLeft wants nothing left of taps whose readers go, and no more than a
// few at once.
func TestTapIsLeft(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf(adminFile, up.URL))
	o := b.operator(t)
	c, _ := b.dial(t, "/a", nil)
	wantEcho(t, c, websocket.TextMessage, []byte("hello"))
	get[admin.Status](t, o, "/v1/status")
	before := leaktest.Take()
	for range 3 {
		var list []*tapped
		for range tap.MaxTaps { // those of the round before are noticed to be gone
			wantSoon(t, "a place for a tap", http.StatusOK, func() int {
				p, status := o.tryTap(t, "")
				if status == http.StatusOK {
					list = append(list, p)
				}
				return status
			})
		}
		if status, text := o.do(t, http.MethodGet, "/v1/tap", nil); status != http.StatusTooManyRequests {
			t.Errorf("one too many: got %d %s, want 429", status, text)
		}
		wantEcho(t, c, websocket.TextMessage, []byte("hello"))
		for _, p := range list {
			p.want("before it goes", "client>upstream text 5 hello", "upstream>client text 5 hello")
			p.cancel()
		}
	}
	if leak := before.Leak(patience); leak != "" {
		t.Error(leak)
	}
}

// TestTapMisses has a tap that is too slow: every frame is shown or counted.
func TestTapMisses(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf(adminFile, up.URL))
	p := b.operator(t).tap(t, "?bytes=0")
	const messages = 5000
	c, _ := b.dial(t, "/a", nil)
	go func() {
		for range messages {
			c.WriteMessage(websocket.TextMessage, []byte("hello"))
		}
	}()
	for range messages {
		if _, _, err := c.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	shown, missed := uint64(0), uint64(0)
	for shown+missed < 2*messages {
		l := p.next()
		if missed += l.Missed; l.TapFrame != nil {
			shown++
		}
	}
	if shown+missed != 2*messages || missed == 0 {
		t.Errorf("got %d shown and %d missed, want %d together and some missed", shown, missed, 2*messages)
	}
}

func TestTapOrders(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, "trusted_proxies: [127.0.0.1]\n"+fmt.Sprintf(adminFile, up.URL))
	o := b.operator(t)
	for _, id := range []string{"twin-1", "twin-2"} {
		b.dial(t, "/b", http.Header{"X-Request-Id": {id}})
	}
	b.wantSessions(t, 2)
	for query, want := range map[string]int{
		"?rout=/a": 400, "?bytes=-1": 400, "?bytes=4097": 400, "?bytes=x": 400, "?limit=0": 400, "?limit=x": 400,
		"?session=none": 404, "?session=twin": 400, "?session=twin-1&limit=0": 400, "?route=/none": 404,
	} {
		if status, text := o.do(t, http.MethodGet, "/v1/tap"+query, nil); status != want {
			t.Errorf("%s: got %d %s, want %d", query, status, text, want)
		}
	}
	p := o.tap(t, "?limit=3")
	c, _ := b.dial(t, "/a", nil)
	wantEcho(t, c, websocket.TextMessage, []byte("hello"))
	wantEcho(t, c, websocket.TextMessage, []byte("again"))
	p.want("limit", "client>upstream text 5 hello", "upstream>client text 5 hello", "client>upstream text 5 again", `missed 0, end "limit"`)
}
