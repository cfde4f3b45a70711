package front

import (
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// newTestWatch returns a connection whose request is being served, and what the
// read that waits for the end of its client comes to.
func newTestWatch(t *testing.T) (c *conn, peer net.Conn, outcome chan error) {
	t.Helper()
	below, peer := net.Pipe()
	t.Cleanup(func() { below.Close(); peer.Close() })
	watched := newConn(below, nil)
	watched.state = serving
	outcome = make(chan error, 1)
	go func() {
		_, err := watched.Read(make([]byte, 1))
		outcome <- err
	}()
	return &watched, peer, outcome
}

func TestWatchIsNotBegunForAShortRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, outcome := newTestWatch(t)
		synctest.Wait()
		start := time.Now()
		c.SetReadDeadline(time.Unix(1, 0))
		err := <-outcome
		ne, ok := err.(net.Error) // as net/http asks
		if !ok || !ne.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: got %v, want a timeout", err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("got a wait of %v, want none", took)
		}
		c.SetReadDeadline(time.Time{})
		if len(c.noWatch) != 0 {
			t.Error("the next watch would end at once")
		}
	})
}

func TestClientThatGoesIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, peer, outcome := newTestWatch(t)
		start := time.Now()
		peer.Close()
		if err := <-outcome; err != io.EOF {
			t.Errorf("read: got %v, want io.EOF", err)
		}
		if took := time.Since(start); took != watchDelay {
			t.Errorf("got a wait of %v, want %v", took, watchDelay)
		}
	})
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
