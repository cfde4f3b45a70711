package relay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/session"
	"usher/proxy/ws"
)

// TestLegTraffic wants counted, for each upstream, what its peers send and get.
func TestLegTraffic(t *testing.T) {
	for _, polling := range []bool{false, true} {
		t.Run(fmt.Sprint("polling ", polling), func(t *testing.T) {
			h := newFanHarness(t, engineio.V4, polling)
			var say func(packet string)
			var main, admin *peer
			if polling {
				h.get()
				main = h.joinPolling(0)
				say = func(packet string) { h.postBody(packet).wantPosted(packet, Done) }
			} else {
				c := h.connect()
				main = h.join(c, "/", 0)
				say = func(packet string) { c.send(ws.Text, packet); h.step() }
			}
			say("40/admin,")
			admin = h.answerDial(1)
			h.openLeg(admin)
			admin.send(ws.Text, `40/admin,{"sid":"x"}`)
			h.step()

			before := h.passed()
			wantTraffic := func(why, upstream string, to, from session.Traffic) {
				t.Helper()
				now := h.passed()
				got, was := now[upstream], before[upstream]
				got.To = session.Traffic{Messages: got.To.Messages - was.To.Messages, Bytes: got.To.Bytes - was.To.Bytes}
				got.From = session.Traffic{Messages: got.From.Messages - was.From.Messages, Bytes: got.From.Bytes - was.From.Bytes}
				if want := (session.LegTraffic{To: to, From: from}); got != want {
					t.Errorf("%s: got %+v of %s, want %+v", why, got, upstream, want)
				}
			}
			bytesTo := func(p *peer) (n uint64) {
				p.take(1 << 30)
				n, p.got = uint64(len(p.got)), nil
				return n
			}
			bytesTo(main)
			bytesTo(admin)

			say(`42["one"]`)
			say(`42["` + strings.Repeat("x", 70_000) + `"]`)
			say(`42/admin,["two"]`)
			main.send(ws.Text, "2") // is answered
			main.write(main.fragment(ws.Text, false, `42["th`))
			main.write(main.fragment(ws.Continuation, true, `ree"]`))
			h.step()
			toMain, toAdmin := bytesTo(main), bytesTo(admin)
			if want := uint64(6 + 9 + 14 + 70_006 - 6 + 6 + 1); toMain < want {
				t.Fatalf("got %d bytes to main, want %d at least", toMain, want)
			}
			wantTraffic("all that was sent", "main", session.Traffic{Messages: 3, Bytes: toMain}, session.Traffic{Messages: 2, Bytes: 3 + 8 + 7})
			wantTraffic("what was for it", "admin", session.Traffic{Messages: 1, Bytes: toAdmin}, session.Traffic{})

			admin.conn.Close()
			h.step()
			h.advance(time.Second)
			wantTraffic("it is gone", "admin", session.Traffic{Messages: 1, Bytes: toAdmin}, session.Traffic{})
		})
	}
}

// TestLegTrafficIsBounded counts ever new upstreams together.
func TestLegTrafficIsBounded(t *testing.T) {
	var all legTraffics
	for i := range 3 * session.MaxApart {
		all.of(fmt.Sprint("u", i)).to.messages.Add(1)
	}
	sums := make(map[string]session.LegTraffic)
	all.addTo(sums)
	if n := len(sums); n != session.MaxApart+1 || sums["u7"].To.Messages != 1 || sums[session.Other].To.Messages != 2*session.MaxApart {
		t.Errorf("got %d upstreams, %+v and %+v of others", n, sums["u7"], sums[session.Other])
	}
}

func (h *fanHarness) passed() map[string]session.LegTraffic {
	sums := make(map[string]session.LegTraffic)
	h.loop.passed.addTo(sums)
	return sums
}
