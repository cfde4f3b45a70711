package proxy_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
)

// Row 41 of the attacks: a sid works from wherever it is known, as at a server
// of Engine.IO without usher, but on the route that gave it alone; and what is
// tried on another does nothing to its session.
func TestAttack41SIDOfAnother(t *testing.T) {
	main := newTestService(t, "main")
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: %s}\nroutes:\n"+
		"  - {path: /socket.io, namespaces: {/: main}}\n"+
		"  - {path: /other, namespaces: {/: main}}\n"+
		"  - {path: /socket.io, host: other.example.com, namespaces: {/: main}}\n", main.URL))
	p := b.newPoller(t, polling4)
	p.open()
	p.want("POST", "40", 200, "ok")
	p.until("hello")
	_, sid, _ := strings.Cut(p.query, "&sid=")
	socket := "EIO=4&transport=websocket&sid=" + sid
	for name, tt := range map[string]struct{ path, host string }{
		"another path": {"/other/", "a"}, "another host": {"/socket.io/", "other.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			end := "Host: " + tt.host + "\r\nConnection: close\r\n"
			for what, request := range map[string]string{
				"poll":  "GET " + tt.path + "?" + p.query + " HTTP/1.1\r\n" + end + "\r\n",
				"post":  "POST " + tt.path + "?" + p.query + " HTTP/1.1\r\n" + end + "Content-Length: 5\r\n\r\n42[0]",
				"close": "POST " + tt.path + "?" + p.query + " HTTP/1.1\r\n" + end + "Content-Length: 1\r\n\r\n1",
				"probe": "GET " + tt.path + "?" + socket + " HTTP/1.1\r\n" + strings.Replace(handshakeHead, "Host: a", "Host: "+tt.host, 1) + "\r\n",
			} {
				if got := exchange(t, b.address, request); got.StatusCode != 400 || !strings.Contains(got.body, "Session ID unknown") {
					t.Errorf("%s: got %d %q, want 400 and no session of that id", what, got.StatusCode, got.body)
				}
			}
		})
	}
	t.Run("another address", func(t *testing.T) {
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
		c, err := from.DialContext(t.Context(), "tcp", b.address)
		if err != nil {
			t.Skip("no second address here")
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /socket.io/?%s HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n42[\"at\"]", p.query)
		if res, _ := readHead(t, c); res.StatusCode != 200 {
			t.Errorf("got %s, want what a server without usher says", res.Status)
		}
	})
	p.want("POST", `42["still"]`, 200, "ok")
	p.until("still")
	if got := main.got(); strings.Contains(got, "42[0]") || !strings.HasPrefix(got, "40 ") {
		t.Errorf("upstream: got %q, want nothing of other routes", got)
	}
	b.wantSessions(t, 1)
}

// Row 42 of the attacks: a sid, and the tag that usher put on it, lead nowhere
// but to the endpoint that gave it, and not at all on the route of another
// upstream.
func TestAttack42SwappedTags(t *testing.T) {
	ones, urls := newPollees(t, 3)
	others, otherURLs := newPollees(t, 2)
	file := func(urls []string) string {
		return "affinity_secret: 0123456789abcdef\nupstreams: {main: [" + pair(urls) + "], other: [" + pair(otherURLs) + "]}\n" +
			"routes: [{path: /, upstream: main}, {path: /, host: other.example.com, upstream: other}]\n"
	}
	b := newTestBroker(t, file(urls))
	requests := func() (n int64) {
		for _, p := range append(ones[:3:3], others...) {
			n += p.requests.Load()
		}
		return n
	}
	first, firstName := b.begin(t, polling4)
	second, secondName := b.begin(t, polling4)
	if firstName == secondName {
		t.Fatalf("got both sessions at %s, want one each", firstName)
	}
	learned, _ := b.begin(t, polling3)
	sid1, tag1, _ := strings.Cut(first, "~")
	sid2, tag2, _ := strings.Cut(second, "~")
	before := requests()
	refused := func(host, query string) {
		t.Helper()
		got := exchange(t, b.address, "GET /socket.io/?"+query+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		if got.StatusCode != 400 || got.body != unknownSID {
			t.Errorf("%s %s: got %d %q, want 400", host, query, got.StatusCode, got.body)
		}
	}
	refused("a", polling4+"&sid="+sid1+"~"+tag2)
	refused("a", polling4+"&sid="+sid2+"~"+tag1)
	refused("other.example.com", polling4+"&sid="+first)
	refused("other.example.com", polling4+"&sid="+sid1)
	refused("other.example.com", polling3+"&sid="+learned)
	gone := int(firstName[0] - 'a')
	b.reload(t, file(slices.Delete(slices.Clone(urls), gone, gone+1)))
	refused("a", polling4+"&sid="+first)
	if n := requests() - before; n != 0 {
		t.Errorf("requests upstream: got %d, want none", n)
	}
	b.newPoller(t, polling4+"&sid="+second).want("GET", "", 200, secondName)
}
