package proxy_test

import (
	"fmt"
	"net"
	"testing"
)

// A name may have addresses on which nobody listens, as localhost often has.
func TestEndpointByName(t *testing.T) {
	up := newTestBackend(t, echo)
	_, port, err := net.SplitHostPort(up.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: http://localhost:%s}\nroutes: [{upstream: main}]\n", port))
	for range 4 {
		c, _ := b.dial(t, "/", nil)
		wantEcho(t, c, 1, []byte("by name"))
	}
	s := b.Stats().Upstreams[0].Endpoints[0]
	if len(s.Addresses) == 0 || s.Dials != 4 {
		t.Errorf("endpoint: got addresses %v and %d dials, want one at least and 4", s.Addresses, s.Dials)
	}
}
