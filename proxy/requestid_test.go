package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
)

// What the upstream was told of a request is what the log calls it, also where
// the answer is of no use: who sent it is asked once.
func TestRequestHasOneID(t *testing.T) {
	ids := make(chan string, 1)
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		ids <- r.Header.Get("X-Request-Id")
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n") // proves nothing
	})
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: {endpoints: [%s], balance: {hash: {ip: true}}}}\n"+
		"routes: [{path: /, upstream: main}]\n", up.URL))
	for n, upgrade := range []string{"", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"} {
		c := dialRaw(t, b.address)
		fmt.Fprintf(c, "GET /a HTTP/1.1\r\nHost: a\r\n%s\r\n", upgrade)
		if resp, _ := readHead(t, c); resp.StatusCode != http.StatusBadGateway {
			t.Errorf("got %d, want 502", resp.StatusCode)
		}
		lines := b.log.lines(t, "request refused")
		if told := <-ids; len(lines) != n+1 || lines[n]["id"] != told {
			t.Errorf("upstream was told the id %q, the log has %v", told, lines)
		}
	}
}
