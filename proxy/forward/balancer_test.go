package forward

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/proxy/waittest"
)

func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return l.Addr().String()
}

func TestUpstreamThatSwitchesIsRefused(t *testing.T) {
	address, _ := newRawUpstream(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
	s := newTestServer(t, nil, address)
	res, _ := s.exchange(t, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
	if res.StatusCode != http.StatusBadGateway {
		t.Errorf("status: got %d, want 502", res.StatusCode)
	}
	if err := s.wantRefused(t); !errors.Is(err, errSwitched) {
		t.Errorf("error: got %v, want %v", err, errSwitched)
	}
}

func TestEndpointThatRefusesIsPassedOverWithTheBodyWhole(t *testing.T) {
	live := newTestUpstream(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	s := newTestServer(t, nil, closedAddress(t), live)
	for range 4 {
		res, body := s.exchange(t, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
		if res.StatusCode != http.StatusOK || body != "body" {
			t.Errorf("got %d %q, want the body back", res.StatusCode, body)
		}
	}
}

func TestNoEndpointTakesIt(t *testing.T) {
	s := newTestServer(t, nil, closedAddress(t), closedAddress(t))
	s.exchange(t, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if err := s.wantRefused(t); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error: got %v, want connection refused", err)
	}
}

func TestEndpointIsUsedUntilTheAnswerEnds(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	s := newTestServer(t, nil, newTestUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		begun <- struct{}{}
		<-end
	}))
	_, br := s.send(t, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-begun
	e := s.Upstreams.Get("main").Endpoints()[0]
	if got := e.Use(); got != 1 {
		t.Errorf("use while the answer goes on: got %d, want 1", got)
	}
	close(end)
	answer(t, br)
	waittest.Equal(t, "use after the answer", 0, e.Use)
}

func TestConnectionsAreKept(t *testing.T) {
	peers := make(chan string, 10)
	s := newTestServer(t, nil, newTestUpstream(t, func(w http.ResponseWriter, r *http.Request) { peers <- r.RemoteAddr }))
	for range 3 {
		s.exchange(t, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	first := <-peers
	for range 2 {
		if got := <-peers; got != first {
			t.Errorf("connection to the upstream: got %s, want %s again", got, first)
		}
	}
}

func TestClientThatGoesAwayEndsTheRequest(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	s := newTestServer(t, nil, newTestUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(ended)
	}))
	conn, _ := s.send(t, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-begun
	conn.Close()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("request at the upstream goes on without its client")
	}
	s.wantRefused(t)
}

func TestSmuggledFramingIsMadeAnew(t *testing.T) {
	address, heads := newRawUpstream(t, "HTTP/1.1 204 No Content\r\n\r\n")
	s := newTestServer(t, nil, address)
	s.exchange(t, "POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 3\r\n\r\nabc")
	if head := <-heads; strings.Count(head, "Content-Length: 3\r\n") != 1 {
		t.Errorf("request: got %q, want its length once", head)
	}
}
