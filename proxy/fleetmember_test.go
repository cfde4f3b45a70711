//go:build unix

package proxy_test

import (
	"testing"

	"usher/proxy/fleet/redistest"
)

// Nodes that no file names find each other, stay together without Redis and when it
// is emptied, and forget who has gone.
func TestFleetFound(t *testing.T) {
	redis := redistest.Start(t)
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	var nodes []*broker
	for range 2 {
		nodes = append(nodes, newTestBroker(t, fleetOf(redis)+"drain: {over: 0s}\n"+split(main, admin, "")))
	}
	up := func(b *broker) func() int {
		return func() (n int) {
			for _, p := range b.Stats().Nodes {
				if p.Up {
					n++
				}
			}
			return n
		}
	}
	for _, b := range nodes {
		wantSoon(t, "nodes that are up", 1, up(b))
	}
	redis.Do("FLUSHALL")
	p := nodes[0].newPoller(t, polling4)
	p.open()
	p.url = "http://" + nodes[1].address + "/socket.io/"
	p.want("POST", "40", 200, "ok")
	p.until("hello")
	redis.Kill()
	p.want("POST", `42["x"]`, 200, "ok")
	p.until(`42["x"]`)
	redis.Restart()
	nodes[1].Drop(t)
	wantSoon(t, "nodes that are known", 0, func() int { return len(nodes[0].Stats().Nodes) })
}
