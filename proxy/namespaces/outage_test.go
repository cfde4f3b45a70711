package namespaces

import (
	"testing"
	"time"
)

func TestOutage(t *testing.T) {
	var o outage
	start := time.Unix(1000, 0)
	for _, tt := range []struct {
		at  time.Duration
		log bool
	}{{0, false}, {19 * time.Second, false}, {20 * time.Second, true}, {21 * time.Second, false}, {79 * time.Second, false}, {80 * time.Second, true}} {
		if long, log := o.failed(start.Add(tt.at)); log != tt.log || long != tt.at {
			t.Errorf("after %v: got %v, %t, want log %t", tt.at, long, log, tt.log)
		}
	}
	o.over()
	if _, log := o.failed(start.Add(100 * time.Second)); log {
		t.Error("got an old outage after a leg had come about")
	}
}
