package handshake

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/proxy/upstream"
)

// An endpoint that closes without a word is made up for once, where that is
// safe.
func TestSilentEndpointIsMadeUpFor(t *testing.T) {
	for _, tt := range []struct {
		name   string
		silent int    // endpoints, in front of one that answers
		path   string //
		status int
		asked  int // silent ones
	}{
		{"one", 1, "/ws", http.StatusSwitchingProtocols, 1},
		{"Engine.IO without sid", 1, "/ws?EIO=4&transport=websocket", http.StatusSwitchingProtocols, 1},
		{"Engine.IO of another transport", 1, "/ws?EIO=4", http.StatusSwitchingProtocols, 1},
		{"sid of something else", 1, "/ws?sid=1", http.StatusSwitchingProtocols, 1},
		{"Engine.IO with sid", 1, "/ws?EIO=4&sid=1", http.StatusBadGateway, 1},
		{"two", 2, "/ws", http.StatusBadGateway, 2},
		{"three", 3, "/ws", http.StatusBadGateway, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var silent []*testUpstream
			var addresses []string
			for range tt.silent {
				u := newTestUpstream(t, says(""))
				silent = append(silent, u)
				addresses = append(addresses, u.listener.Addr().String())
			}
			u := newTestUpstream(t, good())
			s := newTestEndpoints(t, u, append(addresses, u.listener.Addr().String())...)
			res, body := s.send(t, request(tt.path)).answer(t)
			if res.StatusCode != tt.status {
				t.Errorf("status: got %d (%q), want %d", res.StatusCode, body, tt.status)
			}
			if tt.status == http.StatusSwitchingProtocols {
				s.wantPair(t)
			} else {
				s.wantNoPair(t)
			}
			asked := 0
			for _, u := range silent {
				asked += strings.Count(u.received(), "Upgrade: ")
			}
			if asked != tt.asked {
				t.Errorf("silent endpoints asked: got %d, want %d", asked, tt.asked)
			}
			if n := unanswered(s.Upstreams.Stats()[0]); n != tt.asked {
				t.Errorf("handshakes counted as unanswered: got %d, want %d", n, tt.asked)
			}
		})
	}
}

func unanswered(s upstream.Stats) (n int) {
	for _, e := range s.Endpoints {
		n += int(e.Unanswered)
	}
	return n
}

// An endpoint that has said anything may have done something.
func TestBrokenAnswerIsNotMadeUpFor(t *testing.T) {
	for _, answer := range []string{"SSH-2.0\r\n\r\n", "HTTP/1.1 500\r\nbroken\r\n\r\n"} {
		first, second := newTestUpstream(t, says(answer)), newTestUpstream(t, good())
		s := newTestEndpoints(t, first, first.listener.Addr().String(), second.listener.Addr().String())
		s.wantRefused(t, request("/ws"), http.StatusBadGateway)
		second.wantUntouched(t)
		if n := unanswered(s.Upstreams.Stats()[0]); n != 0 {
			t.Errorf("%q: got %d handshakes unanswered, want none", answer, n)
		}
	}
}

// What is slow to answer has the request, and may yet do something with it.
func TestSlowEndpointIsNotMadeUpFor(t *testing.T) {
	first, second := newTestUpstream(t, says("hang")), newTestUpstream(t, good())
	s := newTestEndpoints(t, first, first.listener.Addr().String(), second.listener.Addr().String())
	s.Table.Routes()[0].Limits.HandshakeTimeout = 50 * time.Millisecond
	s.wantRefused(t, request("/ws"), http.StatusGatewayTimeout)
	second.wantUntouched(t)
}
