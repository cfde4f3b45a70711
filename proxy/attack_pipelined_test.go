package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// witness is an upstream that keeps the requests that it finds in what comes, and
// answers them before it has read their bodies.
type witness struct {
	net.Listener
	conns sync.WaitGroup

	mu   sync.Mutex
	seen []string // guarded by mu
}

func newTestWitness(t *testing.T) *witness {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{Listener: l}
	w.conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.conns.Go(func() { w.serve(c) })
		}
	})
	t.Cleanup(func() { w.saw() })
	return w
}

func (w *witness) serve(c net.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	br := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		w.note(r.RequestURI)
		if r.Header.Get("Upgrade") != "" {
			io.WriteString(c, accepted(r))
			if rest, _ := io.ReadAll(br); strings.Contains(string(rest), "HTTP") {
				w.note(string(rest))
			}
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly")
		io.Copy(io.Discard, r.Body)
	}
}

func (w *witness) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, what)
}

// saw returns all requests, when the last connection is gone.
func (w *witness) saw() []string {
	w.Close()
	w.conns.Wait()
	return w.seen
}

// Row 52 of the attacks: a request that hides behind another which ends its
// connection, in whatever way, is nobody's.
func TestAttack52Pipelined(t *testing.T) {
	const begin = "POST /p HTTP/1.1\r\nHost: a\r\n"
	for name, tt := range map[string]struct {
		stream string
		status string // of the first answer
		later  bool   // the other comes when the answer has
		seen   string // by the upstream, before the next client's
	}{
		"refused upgrade":          {changed(t, "Version: 13", "Version: 12") + hidden, "426", false, ""},
		"refused upgrade, later":   {changed(t, "Version: 13", "Version: 12"), "426", true, ""},
		"foreign Origin":           {changed(t, "Connection:", "Origin: https://evil.example\r\nConnection:") + hidden, "403", false, ""},
		"no transport":             {changed(t, "/ws", "/socket.io/?EIO=4&transport=x") + hidden, "400", false, ""},
		"101":                      {upgradeHead + hidden, "101", false, "/ws "},
		"101, later":               {upgradeHead, "101", true, "/ws "},
		"413":                      {strings.Replace(begin, "/p", "/socket.io/?EIO=4&transport=polling&sid=a", 1) + "Content-Length: 9000000\r\n\r\n" + hidden, "400 413", false, ""},
		"408":                      {begin + "X-A: a", "408", true, ""},
		"max_body":                 {strings.Replace(begin, "/p", "/bounded", 1) + "Content-Length: 9000\r\n\r\n" + hidden, "413", false, ""},
		"max_body, later":          {strings.Replace(begin, "/p", "/bounded", 1) + "Content-Length: 9000\r\n\r\nx", "413", true, ""},
		"body_timeout":             {strings.Replace(begin, "/p", "/slow", 1) + fmt.Sprintf("Content-Length: %d\r\n\r\nx", 1+len(hidden)), "200 408", true, "/slow "},
		"body_timeout, chunks":     {strings.Replace(begin, "/p", "/slow", 1) + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", len(hidden)), "200 408", true, "/slow "},
		"early answer":             {begin + fmt.Sprintf("Content-Length: %d\r\n\r\nx", 1+len(hidden)), "200", true, "/p "},
		"early answer, chunks":     {begin + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n%x\r\n", len(hidden)), "200", true, "/p "},
		"early answer, cut":        {begin + "Content-Length: 9000000\r\n\r\nx", "200", true, "/p "},
		"answer to Expect":         {begin + fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(hidden)), "200", true, "/p "},
		"body of a refused method": {"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 2\r\n\r\nhi" + hidden, "405", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // a peer that does not answer a Close is waited for
			up := newTestWitness(t)
			b := newTestBroker(t, "handshake_timeout: 1s\nupstreams: {main: 'http://"+up.Addr().String()+"'}\n"+
				"routes:\n  - {path: /, upstream: main}\n  - {path: /bounded, upstream: main, max_body: 10}\n  - {path: /slow, upstream: main, body_timeout: 100ms}\n  - {path: /socket.io, namespaces: {/: main}}\n")
			c := dialRaw(t, b.address)
			go io.WriteString(c, tt.stream) // the server may answer and close before it has read all
			br := bufio.NewReader(c)
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode == http.StatusContinue { // not every race with the answer is lost
				if resp, err = http.ReadResponse(br, nil); err != nil {
					t.Fatal(err)
				}
			}
			if !strings.Contains(tt.status, resp.Status[:3]) {
				t.Errorf("first answer: got %s, want %s", resp.Status, tt.status)
			}
			io.Copy(io.Discard, resp.Body)
			if tt.later {
				io.WriteString(c, hidden)
			}
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, br)
			// Whatever connection to the upstream is left, the next client's
			// request is answered as what it is.
			if got := exchange(t, b.address, last); got.body != "early" {
				t.Errorf("next client: got %q", got.body)
			}
			b.wantStop(t, patience)
			if got, want := up.saw(), append(strings.Fields(tt.seen), "/last"); !slices.Equal(got, want) {
				t.Errorf("upstream saw %q, want %q", got, want)
			}
		})
	}
}
