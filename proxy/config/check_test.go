package config

import (
	"testing"
	"time"
)

func TestChecks(t *testing.T) {
	c := mustParseFile(t, "check")
	for i, w := range []Check{
		{CheckPath, "/healthz", 5 * time.Second, 2 * time.Second, 2, 3},
		{CheckTCP, "", time.Second, 500 * time.Millisecond, 1, 1},
		{CheckWebSocket, "/socket.io/?EIO=4&transport=websocket", 5 * time.Second, 2 * time.Second, 2, 3},
	} {
		want(t, c.Upstreams[i].Name, c.Upstreams[i].Check, w)
	}
	want(t, "without", mustParseFile(t, "minimal").Upstreams[0].Check, Check{})
}
