package relay

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/ws"
)

// flood offers one event after the other to p, numbered from *next, until
// nothing more is taken although the loop turns. It returns what was taken of
// the last one, to go on with.
type flood struct {
	at   string // what stands before the number
	size int
	next int
	rest []byte
}

func (f *flood) run(h *harness, p *peer, limit int) (taken int) {
	h.t.Helper()
	for taken < limit {
		if len(f.rest) == 0 {
			f.rest = p.frame(ws.Text, f.event(f.next))
			f.next++
		}
		n := p.offer(f.rest)
		f.rest = f.rest[n:]
		taken += n
		if n == 0 {
			h.step()
			if n = p.offer(f.rest); n == 0 {
				return taken
			}
			f.rest = f.rest[n:]
			taken += n
		}
	}
	return taken
}

func (f *flood) event(i int) string {
	return fmt.Sprintf(`42%s[%d,"%s"]`, f.at, i, strings.Repeat("x", f.size))
}

// takeEvents reads what has arrived at p and checks that the events of each
// flood come in order; it returns how many came.
func takeEvents(t *testing.T, p *peer, want map[string]*int) (n int) {
	t.Helper()
	p.take(1 << 30)
	for {
		h, k, err := ws.ParseHeader(p.got)
		if err != nil || k == 0 || len(p.got) < k+int(h.Length) {
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		payload := bytes.Clone(p.got[k : k+int(h.Length)])
		ws.Mask(payload, h.Key, 0)
		p.got = p.got[k+int(h.Length):]
		at, number, ok := strings.Cut(string(payload), "[")
		if !ok { // a heartbeat
			continue
		}
		next := want[strings.TrimPrefix(at, "42")]
		if next == nil || !strings.HasPrefix(number, fmt.Sprint(*next, ",")) {
			t.Fatalf("got %.40q, want the next event in its order", payload)
		}
		*next++
		n++
	}
}

// F-12: a client that does not read holds no more than its share, and gets all
// when it reads again.
func TestFanSlowClient(t *testing.T) {
	for _, polling := range []bool{false, true} {
		t.Run(fmt.Sprint("polling ", polling), func(t *testing.T) {
			var h *fanHarness
			var c, main *peer
			if polling {
				h = newPollingFan(t)
				main = h.joinPolling(0)
			} else {
				h = newFanHarness(t, engineio.V4, false)
				c = h.connect()
				main = h.join(c, "/", 0)
			}
			before := heapSize()
			f := &flood{size: 50_000}
			const all = 64 << 20
			if taken := f.run(h.harness, main, all); taken > kernel+2<<20 {
				t.Fatalf("got %d bytes taken for a client that does not read", taken)
			}
			if grown := heapSize() - before; grown > 3<<20 {
				t.Errorf("got %d bytes of heap for a client that does not read", grown)
			}
			h.wantOpen()
			sent, got := f.next-1, 0
			for late := time.Now().Add(30 * time.Second); got < 500; {
				if time.Now().After(late) {
					t.Fatalf("got %d events of %d in 30 s", got, sent)
				}
				f.run(h.harness, main, 1<<20)
				if polling {
					g := h.get()
					if len(g.got) == 0 {
						h.advance(gathering)
					}
					for p := range strings.SplitSeq(string(g.got[0].Body), "\x1e") {
						if !strings.HasPrefix(p, fmt.Sprintf("42[%d,", got)) {
							t.Fatalf("got %.40q, want event %d", p, got)
						}
						got++
					}
				} else {
					takeEvents(t, c, map[string]*int{"": &got})
				}
				h.step()
			}
		})
	}
}

// Two legs share a slow client; neither starves.
func TestFanSlowClientIsFair(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main, admin := h.join(c, "/", 0), h.join(c, "/admin", 1)
	a, b := &flood{size: 30_000}, &flood{at: "/admin,", size: 30_000}
	var gotA, gotB int
	for late := time.Now().Add(30 * time.Second); gotA < 200 || gotB < 200; {
		if time.Now().After(late) {
			t.Fatalf("got %d and %d events in 30 s", gotA, gotB)
		}
		a.run(h.harness, main, 1<<20)
		b.run(h.harness, admin, 1<<20)
		takeEvents(t, c, map[string]*int{"": &gotA, "/admin,": &gotB})
		h.step()
		if gotA > 100+3*gotB+100 || gotB > 100+3*gotA+100 {
			t.Fatalf("got %d events of one leg and %d of the other", gotA, gotB)
		}
	}
}

// F-14: what waits for an upstream that reads nothing is bounded; until then
// the others go on, and in the end its leg is lost.
func TestFanStoppedUpstream(t *testing.T) {
	cfg := chatty
	cfg.PingTimeout = 20 * time.Second
	h := newFanHarnessOf(t, engineio.V4, false, &FanOptions{
		Demux: demux.NewConfig(cfg), LegQueue: 256 << 10,
		Client: &Options{MaxMessage: 1 << 20}, Upstream: &Options{MaxMessage: 1 << 20, WriteTimeout: 10 * time.Second},
	})
	c := h.connect()
	main, admin := h.join(c, "/", 0), h.join(c, "/admin", 1)
	f := &flood{size: 30_000}
	for h.fan.fan.legs[0].strand.waits() < 100<<10 {
		f.run(h.harness, c, 64<<10)
	}
	for len(f.rest) > 0 { // to the end of the event
		f.rest = f.rest[c.offer(f.rest):]
		h.step()
	}
	c.send(ws.Text, `42/admin,["still here"]`)
	h.step()
	admin.wantFrame("the other leg goes on", ws.Text, `42/admin,["still here"]`)
	taken := f.run(h.harness, c, 64<<20)
	if taken > kernel {
		t.Errorf("got %d bytes taken for an upstream that does not read", taken)
	}
	if n := h.fan.fan.legs[0].strand.waits(); n > 256<<10+2*bufferSize {
		t.Errorf("got %d bytes waiting for the leg, want a little over its queue", n)
	}
	admin.send(ws.Text, `42/admin,["other way"]`)
	h.step()
	c.wantFrame("the other direction is open", ws.Text, `42/admin,["other way"]`)
	h.advance(9 * time.Second)
	if main.take(1<<20) == 0 {
		t.Fatal("got nothing of what waited for the upstream")
	}
	h.step()
	h.advance(9 * time.Second)
	h.wantOpen() // it took something in between
	h.advance(time.Second)
	admin.answerClose("as a server that dies", 1001)
	c.wantClose("as a server that dies", 1011, "upstream: leg_lost")
	h.advance(farewellTimeout)
	main.take(1 << 30)
	if main.end == nil {
		t.Error("got the stopped upstream's connection open, want it closed")
	}
	h.wantFanEnd("upstream.lost", 1011, "/", "/admin")
}

// A client that is not read because of its upstream is not held to its pongs.
func TestFanCongestedClientIsNotSilent(t *testing.T) {
	h := newFanHarnessOf(t, engineio.V4, false, &FanOptions{
		Demux: demux.NewConfig(chatty), LegQueue: 64 << 10,
		Client: &Options{MaxMessage: 1 << 20}, Upstream: &Options{MaxMessage: 1 << 20, WriteTimeout: 15 * time.Second},
	})
	c := h.connect()
	main := h.join(c, "/", 0)
	f := &flood{size: 30_000}
	h.advance(20 * time.Second)
	for range 4 { // 52 s
		f.run(h.harness, c, 64<<20)
		h.advance(13 * time.Second)
		main.take(300_000)
		main.send(ws.Text, "2")
		h.step()
	}
	h.wantOpen()
	for len(f.rest) > 0 {
		f.rest = f.rest[c.offer(f.rest):]
		main.take(300_000)
		h.step()
	}
	c.wantFrame("the ping of long ago", ws.Text, "2")
	c.send(ws.Text, "3")
	main.take(1 << 30)
	h.step()
	main.take(1 << 30)
	h.advance(24 * time.Second)
	h.wantOpen()
}

// F-12 likewise: a client that takes nothing at all is given up.
func TestFanStalledClient(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main := h.join(c, "/", 0)
	f := &flood{size: 30_000}
	f.run(h.harness, main, 64<<20)
	h.advance(19 * time.Second)
	h.wantOpen()
	h.advance(time.Second)
	c.take(1 << 30)
	if c.end == nil {
		t.Error("got the client's connection open, want it closed")
	}
	main.take(1 << 30)
	main.sendClose(1001, "")
	h.step()
	h.wantFanEnd("client.stalled", 1001, "/")
}

// A POST is answered when its legs have room again.
func TestFanPostWaits(t *testing.T) {
	h := newFanHarnessOf(t, engineio.V4, true, &FanOptions{
		Demux: demux.NewConfig(chatty), LegQueue: 64 << 10,
		Client: &Options{MaxMessage: 1 << 20}, Upstream: &Options{MaxMessage: 1 << 20},
	})
	h.get()
	main := h.joinPolling(0)
	var g *getting
	for g = h.postBody("42[0]"); len(g.posted) == 1; {
		g = h.postBody(`42["` + strings.Repeat("x", 30_000) + `"]`)
	}
	for late := time.Now().Add(10 * time.Second); len(g.posted) == 0 && time.Now().Before(late); {
		main.take(1 << 20)
		h.step()
	}
	if len(g.posted) != 1 {
		t.Error("got the POST unanswered though its leg has room")
	}
}

// A probe is answered while the client's legs have enough to take: its time to
// take over is limited.
func TestFanProbeBesideFullLeg(t *testing.T) {
	h := newFanHarnessOf(t, engineio.V4, true, &FanOptions{
		Demux: demux.NewConfig(chatty), LegQueue: 64 << 10,
		Client: &Options{MaxMessage: 1 << 20}, Upstream: &Options{MaxMessage: 1 << 20},
	})
	h.get()
	h.joinPolling(0)
	for len(h.postBody(`42["`+strings.Repeat("x", 30_000)+`"]`).posted) == 1 {
	}
	c, l := h.newPeer(client)
	h.fan.Probe(l, false)
	c.send(ws.Text, "2probe")
	h.step()
	c.wantFrame("the probe is answered", ws.Text, "3probe")
}
