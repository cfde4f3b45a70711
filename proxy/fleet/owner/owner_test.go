package owner

import (
	"bytes"
	"context"
	"io"
	"log" //nolint:depguard // an http.Server writes by one
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/fleet/link"
	_ "usher/proxy/h2connect"
	"usher/proxy/headers"
	"usher/proxy/waittest"
)

// node is one of a fleet: it has some sids, and tells what comes to it.
type node struct {
	*Owners
	link  *link.Link
	has   []string
	asked atomic.Int64
	hangs atomic.Bool
	serve func(w http.ResponseWriter, r *http.Request, s headers.Sender)
}

func newTestNodes(t *testing.T, ids ...string) []*node {
	t.Helper()
	list := make([]*node, len(ids))
	var at []link.Node
	for i, id := range ids {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		n := &node{}
		n.link, err = link.New(link.Config{
			ID: id, Listener: l, Keys: [][]byte{bytes.Repeat([]byte{1}, 32)},
			Log: slog.New(slog.NewTextHandler(t.Output(), nil)), ErrorLog: log.New(t.Output(), "", 0),
			ConnContext: func(ctx context.Context, _ net.Conn) context.Context { return ctx },
			Handler: Owner{
				Has: func(ctx context.Context, sid string) bool {
					n.asked.Add(1)
					if n.hangs.Load() {
						<-ctx.Done()
					}
					return slices.Contains(n.has, sid)
				},
				Serve: func(w http.ResponseWriter, r *http.Request, s headers.Sender) { n.serve(w, r, s) },
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		n.Owners = New(n.link, [][]byte{[]byte("key")})
		at = append(at, link.Node{Address: l.Addr().String()})
		list[i] = n
	}
	for _, n := range list {
		n.link.SetNodes(at)
		n.link.Start()
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			n.link.Stop(ctx)
		})
	}
	for _, n := range list {
		waittest.Equal(t, "nodes", len(ids)-1, func() (up int) {
			for _, p := range n.link.Peers() {
				if p.Up {
					up++
				}
			}
			return up
		})
	}
	return list
}

func (n *node) wantOwner(t *testing.T, v engineio.Version, sid, want string) {
	t.Helper()
	if got := n.Of(t.Context(), v, sid); got != want {
		t.Errorf("owner of %q: got %q, want %q", sid, got, want)
	}
}

// A tag leads to its node without a question; a sid that a server has made is asked
// for once.
func TestOf(t *testing.T) {
	all := newTestNodes(t, "a", "b", "c")
	a, b, c := all[0], all[1], all[2]
	c.has = []string{"made-by-a-server"}
	for _, v := range []engineio.Version{engineio.V3, engineio.V4} {
		a.wantOwner(t, v, b.NewSID(v), "b")
		a.wantOwner(t, v, a.NewSID(v), "")
	}
	if n := b.asked.Load() + c.asked.Load(); n != 0 {
		t.Errorf("got %d questions, want none for sids that say it", n)
	}
	for range 3 {
		a.wantOwner(t, engineio.V3, "made-by-a-server", "c")
	}
	if n := c.asked.Load(); n != 1 {
		t.Errorf("got %d questions, want 1", n)
	}
	a.wantOwner(t, engineio.V4, "made-by-a-server-too", "")
	if n := c.asked.Load(); n != 1 {
		t.Errorf("got %d questions, want none for Engine.IO 4", n)
	}
	if got := a.Named(b.NewSID(engineio.V4)); got != "b" {
		t.Errorf("got %q named, want b", got)
	}
	if got := a.Named("made-up"); got != "" {
		t.Errorf("got %q named by what says nothing", got)
	}
}

// Who does not answer in time is not waited for, and strangers cannot have the
// others be asked without end.
func TestQuestionsAreBounded(t *testing.T) {
	all := newTestNodes(t, "a", "b", "c")
	a, b, c := all[0], all[1], all[2]
	b.hangs.Store(true)
	c.has = []string{"x"}
	began := time.Now()
	a.wantOwner(t, engineio.V3, "x", "c")
	if took := time.Since(began); took > questionTime {
		t.Errorf("got the first yes after %v, want it at once", took)
	}
	began = time.Now()
	a.wantOwner(t, engineio.V3, "y", "")
	if took := time.Since(began); took > 5*questionTime {
		t.Errorf("got no answer after %v, want %v", took, questionTime)
	}
	second := int64(1)
	for i := range 3 * mostQuestions {
		if got, want := a.mayAsk(second), i < mostQuestions; got != want {
			t.Fatalf("question %d of a second: got %v, want %v", i, got, want)
		}
	}
	if !a.mayAsk(second + 1) {
		t.Error("the next second: got no question")
	}
}

// What is passed on says who the client is, and has nothing of what proves it.
func TestPass(t *testing.T) {
	all := newTestNodes(t, "a", "b")
	a, b := all[0], all[1]
	b.serve = func(w http.ResponseWriter, r *http.Request, s headers.Sender) {
		body, _ := io.ReadAll(r.Body)
		want := headers.Sender{Host: "shop.test", Proto: "https", ID: "1"}
		want.Client = headers.Peer("192.0.2.7:1")
		want.Peer = want.Client
		if s.Client != want.Client || s.Peer != want.Peer || s.Host != want.Host || s.Proto != want.Proto || s.ID != want.ID || s.Trusted {
			t.Errorf("got sender %+v, want %+v", s, want)
		}
		if r.Method != "POST" || r.RequestURI != "/socket.io/a%20b?x=%41&sid=1" || r.Host != "app.test" || string(body) != "body" || r.ContentLength != 4 {
			t.Errorf("got %s %s of %s, %q of %d", r.Method, r.RequestURI, r.Host, body, r.ContentLength)
		}
		for name := range r.Header {
			if !slices.Contains([]string{"Content-Type", "Accept-Encoding", "Content-Length", "User-Agent"}, name) {
				t.Errorf("got header %s: %q", name, r.Header[name])
			}
		}
		http.Error(w, "answer", http.StatusTeapot)
	}
	r := httptest.NewRequest("POST", "/", bytes.NewReader([]byte("body"))).WithContext(t.Context())
	r.Host = "app.test"
	for _, name := range []string{"Cookie", "Authorization", "Usher-Link", "Usher-Link-Client", "Usher-Link-Opens", "X-Forwarded-For", "Content-Type", "Accept-Encoding"} {
		r.Header.Set(name, "x")
	}
	p := Passage{Request: r, Path: "/socket.io/a%20b", Query: "x=%41&sid=1", Sender: headers.Sender{Client: headers.Peer("192.0.2.7:1"), Host: "shop.test", Proto: "https", ID: "1", Trusted: true}}
	res, err := a.Pass("b", p)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusTeapot || string(text) != "answer\n" {
		t.Errorf("got %d %q, want the node's answer", res.StatusCode, text)
	}
	// A request for what this node does not know.
	other, err := a.link.RoundTrip("b", &http.Request{Method: "GET", URL: mustURL(t, "https://b/"), Header: http.Header{kind: {"dance"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Body.Close()
	if other.StatusCode != http.StatusNotImplemented {
		t.Errorf("got %d, want 501", other.StatusCode)
	}
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
