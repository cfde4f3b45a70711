package messages

import (
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy/config"
	"usher/proxy/ws"
)

// TestRateBehindASlowUpstream has a client keep to its rate while its upstream
// takes nothing: what has gathered meanwhile is read at once, and no fault of
// the client's.
func TestRateBehindASlowUpstream(t *testing.T) {
	for name, rate := range map[string]config.Rate{"messages": {Messages: 5}, "bytes": {Bytes: 5 * 107}} {
		bubble(t, name, func(t *testing.T) {
			r := newSession(t, setup{limits: config.Limits{MaxRate: rate}, slowUpstream: true})
			payload := long(99) // with its header and key 107 bytes or fewer
			r.client.send(0x81, payload)
			time.Sleep(10 * time.Second)
			go r.upstream.read()
			r.upstream.wantMessage("the one that was stuck", ws.Text, payload)
			for range 50 {
				r.client.send(0x81, payload)
				r.upstream.wantMessage("it kept to its rate", ws.Text, payload)
			}
			synctest.Wait()
			for range 7 {
				r.client.send(0x81, payload)
			}
			r.client.wantClose("now it did not", 1008, "more than max_rate was sent")
			r.client.conn.Close()
			r.upstream.conn.Close()
			r.wantEnd("client.rate", 1008)
		})
	}
}

// TestRateOfControlFrames counts them as messages, as they cost as much.
func TestRateOfControlFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{limits: config.Limits{MaxRate: config.Rate{Messages: 5}}})
		for range 6 {
			r.client.send(0x89, "x")
		}
		r.client.wantClose("too fast", 1008, "more than max_rate was sent")
		r.client.conn.Close()
		r.upstream.conn.Close()
		r.wantEnd("client.rate", 1008)
	})
}
