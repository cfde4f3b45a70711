package forward

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/proxy/config"
	"usher/proxy/headers"
	"usher/proxy/plain"
	"usher/proxy/refusal"
	"usher/proxy/route"
	"usher/proxy/upstream"
)

// patient is longer than any test.
const patient = time.Minute

// testServer is a Forwarder behind a real server, with one route to all.
type testServer struct {
	*Forwarder
	address string
	refused chan error
}

func newTestServer(t *testing.T, change func(*config.Route), addresses ...string) *testServer {
	t.Helper()
	c := &config.Upstream{Name: "main", Balance: config.LeastSessions, DialTimeout: 5 * time.Second}
	for _, a := range addresses {
		c.Endpoints = append(c.Endpoints, config.Endpoint{Scheme: config.HTTP, Address: a})
	}
	r := &config.Route{Path: "/", Upstream: c, Limits: config.Limits{WriteTimeout: patient, BodyTimeout: patient, ResponseTimeout: patient}}
	if change != nil {
		change(r)
	}
	table := route.NewTable(&config.Config{Routes: []*config.Route{r}})
	s := &testServer{refused: make(chan error, 10)}
	s.Forwarder = &Forwarder{
		Transports: new(Transports),
		Upstreams:  upstream.NewPool([]*config.Upstream{c}),
		Headers:    headers.Rules{},
		Refusals:   &refusal.Writer{Log: slog.New(refusals{slog.DiscardHandler, s.refused})},
	}
	s.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, err := table.Match(r.Host, r.URL.EscapedPath(), false)
		if err != nil {
			t.Errorf("Match: got %v, want the route", err)
			return
		}
		x, r := plain.Bound(w, r, plain.Terms{Limits: &m.Route.Limits, Answers: &m.Route.Answers})
		defer x.End()
		s.Serve(x, r, m, s.Headers.Sender(r))
	}))
	return s
}

func (s *testServer) serve(t *testing.T, h http.Handler) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(noPanics{t}, nil), slog.LevelError)
	server.Start()
	s.address = server.Listener.Addr().String()
	t.Cleanup(func() {
		server.Close()
		s.Transports.CloseIdleConnections()
		for _, e := range s.Upstreams.Get("main").Endpoints() {
			if e.Use() != 0 {
				t.Errorf("%v after all requests: got use %d, want 0", e, e.Use())
			}
		}
	})
}

// newTestUpstream serves h and returns its address.
func newTestUpstream(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// newRawUpstream gives the answer on every connection, and sends what it was
// sent until the head's end.
func newRawUpstream(t *testing.T, answer string) (address string, heads chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heads = make(chan string, 10)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			heads <- readHead(conn)
			io.WriteString(conn, answer)
			conn.Close()
		}
	})
	t.Cleanup(func() {
		l.Close()
		done.Wait()
	})
	return l.Addr().String(), heads
}

func readHead(r io.Reader) string {
	var head []byte
	br := bufio.NewReader(r)
	for {
		line, err := br.ReadBytes('\n')
		head = append(head, line...)
		if err != nil || string(line) == "\r\n" {
			return string(head)
		}
	}
}

// send writes a raw request and returns the connection with its reader.
func (s *testServer) send(t *testing.T, raw string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, raw)
	return conn, bufio.NewReader(conn)
}

func (s *testServer) exchange(t *testing.T, raw string) (*http.Response, string) {
	t.Helper()
	_, br := s.send(t, raw)
	return answer(t, br)
}

func answer(t *testing.T, br *bufio.Reader) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatalf("answer: %v", err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("body of the answer: %v", err)
	}
	return res, string(body)
}

func (s *testServer) wantRefused(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.refused:
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("nothing was refused")
		return nil
	}
}

var trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

// refusals is the log of a refusal.Writer. What it tells of is sent on.
type refusals struct {
	slog.Handler
	errs chan<- error
}

func (h refusals) Enabled(context.Context, slog.Level) bool { return true }

func (h refusals) Handle(_ context.Context, r slog.Record) error {
	for a := range r.Attrs {
		if err, ok := a.Value.Any().(error); ok && a.Key == "err" {
			h.errs <- err
		}
	}
	return nil
}

// noPanics is the log of an HTTP server, in which a panic would stand.
type noPanics struct{ t *testing.T }

func (l noPanics) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "panic") {
		l.t.Errorf("server: %s", p)
	}
	return len(p), nil
}
