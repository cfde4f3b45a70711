package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// sockee is an upstream that speaks as much of SockJS as a test needs: a poll
// begins the session or goes on with it, and whoever sends to one that is not
// here gets 404.
type sockee struct {
	*backend
	name string

	requests atomic.Int64
	mu       sync.Mutex
	sessions map[string]bool // guarded by mu
}

func newSockees(t *testing.T, n int) (list []*sockee, urls []string) {
	t.Helper()
	for i := range n {
		s := &sockee{name: string(rune('a' + i)), sessions: make(map[string]bool)}
		s.backend = newTestBackend(t, s.serve)
		list, urls = append(list, s), append(urls, s.URL)
	}
	return list, urls
}

func (s *sockee) serve(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	part := strings.Split(r.URL.Path, "/")
	session, transport := part[len(part)-2], part[len(part)-1]
	s.mu.Lock()
	known := s.sessions[session]
	s.sessions[session] = known || transport != "xhr_send"
	s.mu.Unlock()
	switch {
	case transport != "xhr_send" && !known:
		io.WriteString(w, "o "+s.name)
	case known:
		io.WriteString(w, "h "+s.name)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// sock makes one request of a session.
func (b *broker) sock(t *testing.T, session, transport string) string {
	t.Helper()
	res, err := http.Post("http://"+b.address+"/sock/042/"+session+"/"+transport, "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(res.StatusCode, " ", string(body))
}

// wantBegun begins sessions, and returns which endpoint has each.
func (b *broker) wantBegun(t *testing.T, of string, n int) map[string]string {
	t.Helper()
	begun := make(map[string]string)
	for i := range n {
		session := fmt.Sprint(of, i)
		got := b.sock(t, session, []string{"xhr", "xhr_streaming"}[i%2])
		name, ok := strings.CutPrefix(got, "200 o ")
		if !ok {
			t.Fatalf("session %s: got %q, want it to begin", session, got)
		}
		begun[session] = name
	}
	return begun
}

// wantGoOn wants every session to be where it began.
func (b *broker) wantGoOn(t *testing.T, begun map[string]string) {
	t.Helper()
	for session, name := range begun {
		for _, transport := range []string{"xhr_send", "xhr"} {
			if got := b.sock(t, session, transport); got != "200 h "+name {
				t.Errorf("%s of session %s: got %q, want %s", transport, session, got, name)
			}
		}
	}
}

const sockRoutes = "routes: [{path: /, upstream: main}]\n"

func TestSockJSSessionsMeetOneEndpoint(t *testing.T) {
	_, urls := newSockees(t, 4)
	for _, more := range []string{"", ", balance: least_sessions", ", balance: {hash: {path: 3}}", ", affinity: none, balance: {hash: {path: '~/(?<id>[^/]+)/[^/]*$'}}"} {
		b := newTestBroker(t, "upstreams: {main: {endpoints: ["+pair(urls)+"]"+more+"}}\n"+sockRoutes)
		of := fmt.Sprintf("n%d-", len(more))
		begun := b.wantBegun(t, of, 20)
		used := make(map[string]bool)
		for _, name := range begun {
			used[name] = true
		}
		if len(used) < 3 {
			t.Errorf("%q: 20 sessions came to %d of 4 endpoints", more, len(used))
		}
		b.wantGoOn(t, begun)
		// Another usher has not seen them begin.
		newTestBroker(t, "upstreams: {main: {endpoints: ["+pair(urls)+"]"+more+"}}\n"+sockRoutes).wantGoOn(t, begun)
	}
}

// What a client hashes by the file's own rule comes before the session's id.
func TestSockJSHeedsTheHashOfTheFile(t *testing.T) {
	_, urls := newSockees(t, 4)
	b := newTestBroker(t, "upstreams: {main: {endpoints: ["+pair(urls)+"], balance: {hash: {ip: true}}}}\n"+sockRoutes)
	begun := b.wantBegun(t, "ip", 8)
	for session, name := range begun {
		if name != begun["ip0"] {
			t.Errorf("session %s: got %s, want %s, as of all from one address", session, name, begun["ip0"])
		}
	}
	b.wantGoOn(t, begun)
}

// A session that has begun stays where it is: when endpoints come, when its own
// would not be chosen any more, and when that is gone it is at no other.
func TestSockJSSessionsStay(t *testing.T) {
	list, urls := newSockees(t, 4)
	file := func(urls []string) string { return "upstreams: {main: [" + pair(urls) + "]}\n" + sockRoutes }
	b := newTestBroker(t, file(urls[:1]))
	begun := b.wantBegun(t, "first", 6)
	b.reload(t, file(urls))
	b.wantGoOn(t, begun)
	second := b.wantBegun(t, "second", 20)
	b.reload(t, file([]string{urls[3], urls[1], urls[0], urls[2]}))
	b.wantGoOn(t, second)

	gone := list[1]
	gone.vanish()
	for session, name := range second {
		if got := b.sock(t, session, "xhr"); name == "b" != strings.HasPrefix(got, "502") {
			t.Errorf("session %s of %s, where b is gone: got %q", session, name, got)
		}
	}
	third := b.wantBegun(t, "third", 20) // elsewhere, whatever their ids say
	b.wantGoOn(t, third)
}

// Rows 7 and 53 of the attacks: by polling and streaming a foreign page gets no
// further than by WebSocket.
func TestOriginOfSockJS(t *testing.T) {
	list, urls := newSockees(t, 1)
	b := newTestBroker(t, "upstreams: {main: "+urls[0]+"}\nroutes:\n  - upstream: main\n    origins: [https://app.example.com]\n")
	const foreign = "Host: edge.test\r\nOrigin: https://shop.example\r\n\r\n"
	for _, transport := range []string{"xhr", "xhr_send", "xhr_streaming", "eventsource", "htmlfile", "jsonp", "jsonp_send"} {
		request := "POST /sock/042/abcdefgh/" + transport + "?c=x HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n"
		if got := b.status(t, request+foreign); got != http.StatusForbidden {
			t.Errorf("%s of a foreign page: got %d, want 403", transport, got)
		}
		b.status(t, strings.Replace(request, "POST", "OPTIONS", 1)+foreign)
		inScript := transport == "htmlfile" || strings.HasPrefix(transport, "jsonp")
		for head, ok := range map[string]bool{
			"":                                       !inScript,
			"Referer: https://shop.example/x\r\n":    !inScript,
			"Sec-Fetch-Site: same-origin\r\n":        true,
			"Referer: https://app.example.com/x\r\n": true,
			"Origin: https://app.example.com\r\n":    true,
			"Origin: http://edge.test\r\n":           true,
		} {
			before := list[0].requests.Load()
			got := b.status(t, request+"Host: edge.test\r\n"+head+"\r\n")
			if (got == http.StatusForbidden) == ok || list[0].requests.Load() > before != ok {
				t.Errorf("%s with %q: got %d, want it let in: %t", transport, head, got, ok)
			}
		}
	}
	for _, line := range b.log.lines(t, "request refused") {
		if line["level"] != "WARN" || fmt.Sprint(line["hint"]) == "" {
			t.Errorf("got the line %v, want a warning with a hint", line)
		}
	}
	for _, path := range []string{"/sock/info", "/sock/iframe.html", "/sock/2024/abcdefgh/xhr/more", "/a/b/xhr"} {
		if got := b.status(t, "GET "+path+" HTTP/1.1\r\nConnection: close\r\n"+foreign); got == http.StatusForbidden {
			t.Errorf("%s: got 403, want the upstream's answer", path)
		}
	}
}
