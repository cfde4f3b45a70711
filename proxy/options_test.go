package proxy

import (
	"testing"
	"time"

	"usher/proxy/config"
)

// TestOptions wants one value for each manner of a route, and no pings of
// usher's for a client that speaks Engine.IO: that has its own.
func TestOptions(t *testing.T) {
	r := &config.Route{Limits: config.Limits{MaxMessage: 7, PingInterval: time.Minute, PingTimeout: time.Second}}
	all := relayOptions([]*config.Route{r})
	if len(all) != 4 {
		t.Fatalf("got %d options of one route, want 4", len(all))
	}
	for m, o := range all {
		want := time.Minute
		if m.engineIO {
			want = 0
		}
		if o.ClientPing != want || o.UpstreamPing != time.Minute || o.PingTimeout != time.Second {
			t.Errorf("%+v: got pings after %v and %v, answered within %v, want %v, 1m and 1s", m, o.ClientPing, o.UpstreamPing, o.PingTimeout, want)
		}
		if o.Deflate != m.deflate || o.MaxMessage != 7 {
			t.Errorf("%+v: got deflate %t and max_message %d", m, o.Deflate, o.MaxMessage)
		}
	}
}
