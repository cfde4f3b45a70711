package front

import (
	"io"
	"net"
	"net/http/httptest"
	"testing"
)

// newTestWatch returns a connection whose request is being served.
func newTestWatch(t *testing.T) (c *conn, peer net.Conn) {
	t.Helper()
	below, peer := net.Pipe()
	t.Cleanup(func() { below.Close(); peer.Close() })
	watched := newConn(below, &client{from: &Listener{server: &Server{departures: newDepartures()}}})
	watched.state = serving
	return watched, peer
}

func TestClientThatGoesIsNoticed(t *testing.T) {
	c, peer := newTestWatch(t)
	peer.Close()
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read: got %v, want io.EOF", err)
	}
}

// TestWatchTakesOneByte: what comes while a request is served is judged when its
// turn comes, but for the empty line that may stand before a request.
func TestWatchTakesOneByte(t *testing.T) {
	for _, tt := range []struct {
		sent, byte, rest string
		broken           bool
	}{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "G", "ET / HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "G", "ET / HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"\x81\x00", "\x81", "", true},
	} {
		c, peer := newTestWatch(t)
		go io.WriteString(peer, tt.sent)
		var b [1]byte
		if n, err := c.Read(b[:]); n != 1 || err != nil || string(b[:]) != tt.byte {
			t.Fatalf("%q: got %q, %v, want %q", tt.sent, b[:n], err, tt.byte)
		}
		c.state = waiting
		rest := make([]byte, len(tt.rest))
		_, err := io.ReadFull(c, rest)
		if tt.broken {
			rest = make([]byte, 1)
			c.state = answered // nobody is to be told here
			_, err = c.Read(rest)
		}
		if (err != nil) != tt.broken || !tt.broken && string(rest) != tt.rest {
			t.Errorf("%q: got %q, %v behind it, want %q", tt.sent, rest, err, tt.rest)
		}
	}
}

// TestParkLeavesBodies: the body of a parked request would be read as the next
// request.
func TestParkLeavesBodies(t *testing.T) {
	for name, length := range map[string]int64{"counted": 35, "chunks": -1} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/socket.io/", nil)
		r.ContentLength = length
		if _, ok := new(Server).Park(httptest.NewRecorder(), r); ok {
			t.Errorf("%s: got the request parked, want it served as it is", name)
		}
	}
}
