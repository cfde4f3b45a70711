package proxy_test

import (
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
)

// Row 58 of the attacks: all clients of an upstream are cut and come back at the
// same moment. Nobody is refused, and everybody is served.
func TestAttack58ReconnectStorm(t *testing.T) {
	const many = 500
	up := newTestBackend(t, echo)
	b := newTestBroker(t, oneRoute(up.URL))
	d := patient(&websocket.Dialer{})
	var clients sync.WaitGroup
	var back sync.WaitGroup
	cut := make(chan struct{})
	for range many {
		back.Add(1)
		clients.Go(func() {
			for round := range 2 {
				c, resp, err := d.Dial("ws://"+b.address+"/ws", http.Header{})
				if err != nil {
					t.Errorf("round %d: %v, %v", round, err, resp)
					back.Done()
					return
				}
				wantEcho(t, c, websocket.TextMessage, []byte("hello"))
				if round == 0 {
					back.Done()
					io.Copy(io.Discard, c.UnderlyingConn()) // until it is cut
					<-cut
				}
				c.Close()
			}
		})
	}
	back.Wait()
	b.wantSessions(t, many)
	up.mu.Lock()
	lost := up.hijacked
	up.hijacked = nil
	up.mu.Unlock()
	for _, c := range lost {
		c.Close()
	}
	close(cut)
	clients.Wait()
	b.wantSessions(t, 0)
	if got := b.log.lines(t, "request refused"); len(got) > 0 {
		t.Errorf("refused: got %d, such as %v", len(got), got[0])
	}
	if s := b.Stats().Handshake; s.DuplicateClaims != 0 {
		t.Errorf("claims: got %+v", s)
	}
}
