package relay

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/session"
	"usher/proxy/ws"
)

// fanHarness is a harness with one fan whose dials the test answers.
type fanHarness struct {
	*harness
	fan     *Fan
	version engineio.Version
	polling bool
	options *FanOptions
	sid     string
	refused []demux.Refusal
	gone    int
	freed   int // releases of legs
	dials   []dialling
	moving  bool // what is said belongs to a move, which nobody is to notice
	moves   int
	again   []*Poll // GETs that are to be made once more
}

// dialling is a leg that the fan wants.
type dialling struct {
	to   demux.Target
	done func(Dialled)
}

var chatty = demux.Config{
	Services: []demux.Service{{Name: "main"}, {Name: "admin"}, {Name: "chat", OnLoss: demux.Reconnect}},
	Rules:    []demux.Rule{{Pattern: "/"}, {Pattern: "/admin", Service: 1}, {Pattern: "/chat", Service: 2}},
	Fallback: -1,
}

func newFanHarness(t *testing.T, v engineio.Version, polling bool, before ...func(*fanHarness)) *fanHarness {
	t.Helper()
	return newFanHarnessOf(t, v, polling, &FanOptions{
		Demux:    demux.NewConfig(chatty),
		Client:   &Options{MaxMessage: 1_000_000, MaxFragments: 100, MessageTimeout: time.Minute},
		Upstream: &Options{MaxMessage: 64 << 20},
	}, before...)
}

// newFanHarnessOf has before change the harness before its fan is there.
func newFanHarnessOf(t *testing.T, v engineio.Version, polling bool, o *FanOptions, before ...func(*fanHarness)) *fanHarness {
	t.Helper()
	h := &fanHarness{harness: newHarness(t), version: v, options: o, polling: polling}
	if os.Getenv(movesEnv) != "" {
		h.between = h.handOnFan
		t.Cleanup(func() { t.Logf("moved %d times", h.moves) })
	}
	for _, change := range before {
		change(h)
	}
	h.start()
	return h
}

// movesEnv is set where fans move behind each step of every script.
const movesEnv = "USHER_TEST_MOVES"

// start has the loop take a fan in.
func (h *fanHarness) start() {
	h.t.Helper()
	h.loop.now = h.now
	h.fan = newFan(h.open(), h.options, h.entry(), h.loop)
	h.loop.load.Add(1)
	h.loop.post(func(lp *loop) { lp.open(h.fan.fan) })
	h.step()
}

func (h *fanHarness) entry() Entry {
	return Entry{
		Version: h.version, SID: "sid-of-the-session", Polling: h.polling,
		Dial: func(to demux.Target, done func(Dialled)) { h.dials = append(h.dials, dialling{to, done}) },
		Ready: func(sid string, r demux.Refusal) {
			h.sid = sid
			h.refused = append(h.refused, r)
		},
		Gone:    func() { h.gone++ },
		Release: func() { h.release(&h.released) },
	}
}

// release counts one, unless it is another process that has what was had.
func (h *fanHarness) release(n *int) {
	if !h.moving {
		*n++
	}
}

// connect hands over the client's WebSocket, and reads the open packet.
func (h *fanHarness) connect() *peer {
	h.t.Helper()
	c, l := h.newPeer(client)
	h.fan.Socket(l, false)
	h.step()
	op, open := c.next("the open packet")
	if op.Opcode != ws.Text || !strings.HasPrefix(string(open), `0{"sid":"`+h.sid+`"`) {
		h.t.Fatalf("got %q, want an open packet", open)
	}
	return c
}

// answerDial lets the leg come about that was asked for first, which must be to
// the given service.
func (h *fanHarness) answerDial(service int) *peer {
	h.t.Helper()
	if len(h.dials) == 0 || h.dials[0].to.Service != service {
		h.t.Fatalf("got %v dialled, want service %d", h.dials, service)
	}
	u, l := h.newPeer(upstream)
	d := h.dials[0]
	h.dials = h.dials[1:]
	d.done(Dialled{Leg: l, Tag: fmt.Sprint("endpoint-", service), To: session.Leg{Upstream: h.options.Demux.Services[service].Name}, Release: func() { h.release(&h.freed) }})
	h.step()
	return u
}

func (h *fanHarness) refuseDial(r demux.Refusal) {
	h.t.Helper()
	d := h.dials[0]
	h.dials = h.dials[1:]
	d.done(Dialled{Err: errors.New("connection refused"), Refused: r})
	h.step()
}

// join has the client c join a namespace of a service that it has no leg to.
func (h *fanHarness) join(c *peer, namespace string, service int) *peer {
	h.t.Helper()
	at := namespace + ","
	if namespace == "/" {
		at = ""
	}
	c.send(ws.Text, "40"+at)
	h.step()
	u := h.answerDial(service)
	h.openLeg(u)
	u.wantFrame("the CONNECT", ws.Text, "40"+at)
	u.send(ws.Text, `40`+at+`{"sid":"x"}`)
	h.step()
	c.wantFrame("the answer", ws.Text, `40`+at+`{"sid":"x"}`)
	return u
}

func (h *fanHarness) openLeg(u *peer) {
	h.t.Helper()
	u.send(ws.Text, `0{"sid":"leg","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`)
	h.step()
}

// wantFanEnd fails unless the session has ended, with these namespaces.
func (h *fanHarness) wantFanEnd(cause string, code uint16, namespaces ...string) {
	h.t.Helper()
	if len(h.ends) == 1 {
		got := slices.Clone(h.ends[0].Namespaces)
		slices.Sort(got)
		if !slices.Equal(got, namespaces) {
			h.t.Errorf("got namespaces %q, want %q", got, namespaces)
		}
	}
	h.wantEnd(cause, code)
	if h.gone != 1 {
		h.t.Errorf("got the sid forgotten %d times, want once", h.gone)
	}
	if len(h.loop.fans) != 0 || len(h.loop.timers) != 0 || len(h.loop.dirty) != 0 {
		h.t.Errorf("got %d fans, %d timers, %d dirty strands left", len(h.loop.fans), len(h.loop.timers), len(h.loop.dirty))
	}
	h.gone = 0
}

// wantFanEndAfterTombstone is wantFanEnd when nobody polls any more.
func (h *fanHarness) wantFanEndAfterTombstone(cause string, code uint16, namespaces ...string) {
	h.t.Helper()
	h.advance(tombstoneTime)
	h.wantFanEnd(cause, code, namespaces...)
}

// answerClose answers the Close frame that has arrived.
func (p *peer) answerClose(why string, code ws.Code) {
	p.t.Helper()
	h, payload := p.next(why)
	got, reason, _ := ws.ParseClose(payload)
	if h.Opcode != ws.Close || got != code {
		p.t.Errorf("%s: %s got %s %d %q, want a Close frame with %d", why, p.side.of(), h.Opcode, got, reason, code)
	}
	p.sendClose(code, "")
}

// getting is a GET of the test's.
type getting struct {
	t      *testing.T
	poll   *Poll
	got    []Answer
	posted []Status
}

func (h *fanHarness) get() *getting {
	h.t.Helper()
	g := &getting{t: h.t}
	g.poll = &Poll{Answer: func(a Answer) {
		if h.moving {
			h.again = append(h.again, g.poll)
			return
		}
		g.got = append(g.got, a)
	}}
	h.fan.Poll(g.poll)
	h.step()
	return g
}

func (g *getting) wantAnswer(why string, status Status, body string) {
	g.t.Helper()
	if len(g.got) != 1 {
		g.t.Fatalf("%s: got %d answers, want one", why, len(g.got))
	}
	if a := g.got[0]; a.Status != status || string(a.Body) != body {
		g.t.Errorf("%s: got answer %d %.200q, want %d %.200q", why, a.Status, a.Body, status, body)
	}
}

func (g *getting) wantWaiting(why string) {
	g.t.Helper()
	if len(g.got) != 0 {
		g.t.Fatalf("%s: got answer %d %q, want it waiting", why, g.got[0].Status, g.got[0].Body)
	}
}

// post posts a payload and returns where its answer comes.
func (h *fanHarness) postBody(body string) *getting {
	h.t.Helper()
	g := &getting{t: h.t}
	h.fan.Post([]byte(body), false, func(s Status) { g.posted = append(g.posted, s) })
	h.step()
	return g
}

func (g *getting) wantPosted(why string, s Status) {
	g.t.Helper()
	if len(g.posted) != 1 || g.posted[0] != s {
		g.t.Errorf("%s: got POST answered %v, want %v", why, g.posted, s)
	}
}

func encode64(s string) string { return "b" + base64.StdEncoding.EncodeToString([]byte(s)) }

func decode64(t *testing.T, s string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
