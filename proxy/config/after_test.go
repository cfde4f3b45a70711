package config

import (
	"testing"
	"time"
)

func TestAfter(t *testing.T) {
	c := mustParseFile(t, "after")
	for i, w := range [][]string{nil, {"main"}, {"main", "chat"}, {"chat", "main"}} {
		want(t, "after of "+c.Upstreams[i].Name, c.Upstreams[i].After, w)
	}
	want(t, "slow_start", c.Upstreams[0].SlowStart, 30*time.Second)
}
