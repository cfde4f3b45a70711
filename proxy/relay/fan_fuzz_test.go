package relay

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/ws"
)

// FuzzFan plays a random script to a fan of three legs: events and groups both
// ways in random splits, through small buffers, peers that read now and then,
// polling, an upgrade and moves at any moment. Everything arrives once and in the
// order of its namespace, groups stay together, and nothing is left.
func FuzzFan(f *testing.F) {
	f.Add([]byte("\x00\x00\x05\x02\xff\x07\x20\x03\x04\x04\x09\x05\xff\x06\xff"))
	f.Add([]byte("\x01\x00\x05\x01\x09\x02\xff\x07\x20\x03\x04\x04\x09\x05\xff\x06\xff\x09\x00\x09\x01\x03\x07\x05\xff\x09\x00\x00\x03\x02\xff"))
	f.Add([]byte("\x00\x03\xff\x04\xfe\x04\xfd\x03\xfc\x05\xf0\x05\xf1\x05\xf2\x06\x30\x08\x20\x06\xff\x0a\x01"))
	f.Add([]byte("\x01\x01\xff\x01\xfe\x01\xfd\x02\x00\x02\x00\x04\x01\x09\x00\x05\xff\x09\x00\x09\x00\x09\x00\x09\x00\x02\xff\x07\xff"))
	f.Add([]byte("\x00\x01\xff\x0b\x00\x02\x40\x0b\x00\x02\xff\x04\xfe\x05\xf0\x0b\x00\x05\xff\x06\x20\x0b\x00\x06\xff"))
	f.Add([]byte("\x01\x01\xff\x02\x00\x0b\x00\x04\x01\x09\x00\x0b\x00\x05\xff\x09\x00\x0b\x00\x09\x00\x09\x00\x0b\x00\x02\xff\x07\xff"))
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) == 0 {
			return
		}
		p := newFanPlay(t, script[0]&1 == 1)
		for script = script[1:]; len(script) >= 2 && len(p.h.ends) == 0; script = script[2:] {
			p.act(script[0], int(script[1]))
		}
		p.finish()
	})
}

// fanPlay is a fan with all its peers.
type fanPlay struct {
	t       *testing.T
	h       *fanHarness
	actors  [3]*fanActor // the upstreams, by namespace
	c       *fanActor    // the client; without a peer while it polls
	probe   *peer
	step    int // of the upgrade
	get     *getting
	post    *getting
	sent    [2][3]int // events by direction and namespace
	got     [2][3]int
	pending []string // packets that the client has to send
}

// fanActor is a peer with what it has to send, and the group that it is given.
type fanActor struct {
	*peer
	pending []byte
	group   []string // what is still due of it
}

var fanNames = [3]string{"", "/admin,", "/chat,"}

func newFanPlay(t *testing.T, polling bool) *fanPlay {
	h := newFanHarnessOf(t, engineio.V4, polling, &FanOptions{
		Demux: demux.NewConfig(chatty), OutLimit: 20_000, LegQueue: 20_000,
		Client: &Options{MaxMessage: 1 << 20}, Upstream: &Options{MaxMessage: 1 << 20},
	})
	p := &fanPlay{t: t, h: h, c: &fanActor{}}
	if polling {
		h.get()
	} else {
		p.c.peer = h.connect()
		buffers(t, 8<<10, p.c.raw)
	}
	for i, at := range fanNames {
		if polling {
			h.postBody("40" + at)
		} else {
			p.c.send(ws.Text, "40"+at)
			h.step()
		}
		u := h.answerDial(i)
		buffers(t, 8<<10, u.raw)
		h.openLeg(u)
		u.wantFrame("the CONNECT", ws.Text, "40"+at)
		u.send(ws.Text, "40"+at+`{"sid":"x"}`)
		h.step()
		if polling {
			g := h.get()
			h.advance(gathering)
			g.wantAnswer("the answer", Done, "40"+at+`{"sid":"x"}`)
		} else {
			p.c.wantFrame("the answer", ws.Text, "40"+at+`{"sid":"x"}`)
		}
		p.actors[i] = &fanActor{peer: u}
	}
	return p
}

const (
	up = iota
	down
)

// event returns the messages of the next event of a namespace, the first of
// text and the others binary.
func (p *fanPlay) event(dir, ns, size int, group bool) []string {
	i := p.sent[dir][ns]
	p.sent[dir][ns]++
	if !group {
		return []string{fmt.Sprintf(`42%s[%d,"%s"]`, fanNames[ns], i, strings.Repeat("x", size))}
	}
	return []string{
		fmt.Sprintf(`452-%s[%d,{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, fanNames[ns], i),
		fmt.Sprintf("%d of %d: %s", i, ns, strings.Repeat("y", size)),
		fmt.Sprintf("%d of %d!", i, ns),
	}
}

func (p *fanPlay) act(op byte, n int) {
	ns := n % 3
	u := p.actors[ns]
	switch op % 12 {
	case 0, 1: // the client says something
		for i, m := range p.event(up, ns, n*n/8, op%12 == 1) {
			if i > 0 {
				m = "b" + m
			}
			p.pending = append(p.pending, m)
		}
	case 2:
		p.clientSends(n * n)
	case 3, 4: // an upstream does
		for i, m := range p.event(down, ns, n*n/8, op%12 == 4) {
			kind := ws.Text
			if i > 0 {
				kind = ws.Binary
			}
			u.pending = append(u.pending, u.frame(kind, m)...)
		}
	case 5:
		u.flush(n * n)
		p.h.turn()
	case 6:
		p.clientReads(n * n)
	case 7:
		u.take(n * n)
		p.read(u, ns)
		p.h.turn()
	case 8:
		p.h.advance(time.Duration(n) * 10 * time.Millisecond)
	case 9:
		p.upgrade()
	case 10:
		u.pending = append(u.pending, u.frame(ws.Text, "2")...)
	case 11:
		p.h.handOnFan()
	}
}

func (a *fanActor) flush(limit int) (n int) {
	n = a.offer(a.pending[:min(len(a.pending), limit)])
	a.pending = a.pending[n:]
	return n
}

// clientSends sends what is pending: by a POST all of it, by WebSocket as many
// bytes.
func (p *fanPlay) clientSends(limit int) (n int) {
	if p.c.peer == nil {
		if len(p.pending) == 0 || p.step > 2 || p.post != nil && len(p.post.posted) == 0 {
			return 0
		}
		var packets []string
		for _, m := range p.pending {
			if m[0] == 'b' {
				m = encode64(m[1:])
			}
			packets = append(packets, m)
		}
		n, p.pending = len(packets), nil
		p.post = p.h.postBody(strings.Join(packets, "\x1e"))
		return n
	}
	for _, m := range p.pending {
		kind := ws.Text
		if m[0] == 'b' {
			kind, m = ws.Binary, m[1:]
		}
		p.c.pending = append(p.c.pending, p.c.frame(kind, m)...)
	}
	p.pending = nil
	n = p.c.flush(limit)
	p.h.turn()
	return n
}

// clientReads takes what is there for the client: what a GET brings, or some
// bytes.
func (p *fanPlay) clientReads(limit int) (n int) {
	if p.c.peer != nil {
		n = p.c.take(limit)
		p.read(p.c, -1)
		p.h.turn()
	}
	if p.c.peer == nil && p.get == nil && p.step <= 2 {
		p.get = p.h.get()
	}
	if p.get != nil && len(p.get.got) > 0 {
		a := p.get.got[0]
		p.get = nil
		if a.Status != Done {
			p.t.Fatalf("got a GET answered %d", a.Status)
		}
		for m := range strings.SplitSeq(string(a.Body), "\x1e") {
			n++
			if m[0] == 'b' {
				p.arrived(p.c, -1, ws.Binary, decode64(p.t, m[1:]))
			} else {
				p.arrived(p.c, -1, ws.Text, m)
			}
		}
	}
	return n
}

// read takes the whole frames off what a has got.
func (p *fanPlay) read(a *fanActor, ns int) {
	for {
		h, k, err := ws.ParseHeader(a.got)
		if err != nil {
			p.t.Fatal(err)
		}
		if k == 0 || len(a.got) < k+int(h.Length) {
			return
		}
		payload := bytes.Clone(a.got[k : k+int(h.Length)])
		ws.Mask(payload, h.Key, 0)
		a.got = a.got[k+int(h.Length):]
		p.arrived(a, ns, h.Opcode, string(payload))
	}
}

// arrived checks a message at a: the client where ns is negative.
func (p *fanPlay) arrived(a *fanActor, ns int, op ws.Opcode, m string) {
	p.t.Helper()
	dir := up
	if ns < 0 {
		dir = down
	}
	switch {
	case op == ws.Close || op == ws.Text && (m == "1" || m == "3" || m == "6"):
		return
	case op == ws.Text && m == "2":
		if ns < 0 {
			p.pending = append(p.pending, "3")
		}
		return
	case len(a.group) > 0:
		if op != ws.Binary || !strings.HasPrefix(m, a.group[0]) {
			p.t.Fatalf("got %s %.40q inside a group, want %q", op, m, a.group[0])
		}
		a.group = a.group[1:]
		return
	}
	at, number, ok := strings.Cut(m, "[")
	if op != ws.Text || !ok {
		p.t.Fatalf("got %s %.40q, want an event", op, m)
	}
	group := strings.HasPrefix(at, "452-")
	at = strings.TrimPrefix(strings.TrimPrefix(at, "452-"), "42")
	for i, name := range fanNames {
		if name == at && (ns < 0 || ns == i) {
			ns = i
			goto found
		}
	}
	p.t.Fatalf("got %.40q at the wrong place", m)
found:
	want := p.got[dir][ns]
	p.got[dir][ns]++
	if !strings.HasPrefix(number, fmt.Sprint(want, ",")) {
		p.t.Fatalf("got %.40q, want event %d", m, want)
	}
	if group {
		a.group = []string{fmt.Sprintf("%d of %d: ", want, ns), fmt.Sprintf("%d of %d!", want, ns)}
	}
}

// upgrade takes the client's next step from polling to a WebSocket.
func (p *fanPlay) upgrade() {
	h := p.h
	if p.step > 0 && p.c.peer == nil {
		h.step()
		if h.fan.Transport() != Probing { // it took too long, and a Close frame says so
			p.step = -1
		}
	}
	switch {
	case p.c.peer != nil || p.step < 0:
	case p.step == 0:
		var l Leg
		p.probe, l = h.newPeer(client)
		buffers(p.t, 8<<10, p.probe.raw, l.Conn.(*net.UnixConn))
		h.fan.Probe(l, false)
		p.step = 1
		h.turn()
	case p.step == 1:
		p.probe.send(ws.Text, "2probe")
		h.turn()
		p.step = 2
	case p.step == 2:
		h.step()
		p.probe.wantFrame("the probe is answered", ws.Text, "3probe")
		p.step = 3
		fallthrough
	case p.step == 3: // what is on its way by polling has to end first
		p.clientReads(0)
		if p.get == nil && (p.post == nil || len(p.post.posted) > 0) {
			p.c.peer = p.probe
			p.c.pending = p.c.frame(ws.Text, "5")
			p.step = 4
			p.c.flush(1 << 20)
			h.turn()
		}
	}
}

// finish lets everything through, checks that it was all, and ends the session.
func (p *fanPlay) finish() {
	h := p.h
	for idle := 0; idle < 3 && len(h.ends) == 0; {
		idle++
		n := 0
		if p.step > 0 && p.c.peer == nil {
			p.upgrade()
		}
		n += p.clientSends(1 << 30)
		n += p.clientReads(1 << 30)
		for ns, u := range p.actors {
			n += u.flush(1<<30) + u.take(1<<30)
			p.read(u, ns)
		}
		h.step()
		if p.c.peer == nil {
			h.advance(idleProbing)
		}
		if n > 0 {
			idle = 0
		}
	}
	if len(h.ends) == 0 && p.got != p.sent {
		p.t.Fatalf("got %v events of %v, of a session that goes on", p.got, p.sent)
	}
	if p.c.peer == nil {
		h.fan.Post([]byte("1"), false, func(Status) {})
	} else {
		p.c.conn.Close()
	}
	h.step()
	h.advance(time.Hour)
	h.advance(time.Hour)
	if len(h.ends) != 1 || h.released != 1 || h.gone != 1 || h.freed != 3 || len(h.loop.fans)+len(h.loop.timers)+len(h.loop.dirty) != 0 {
		p.t.Fatalf("got %d ends, %d releases, %d sids and %d legs gone, %d fans, %d timers", len(h.ends), h.released, h.gone, h.freed, len(h.loop.fans), len(h.loop.timers))
	}
	switch cause := h.ends[0].Cause.String(); cause {
	case "client.closed", "client.lost", "client.silent", "client.stalled", "upstream.closed", "upstream.lost":
	default:
		p.t.Errorf("got the session ended by %s (%v), though nobody broke a rule", cause, h.ends[0].Err)
	}
}
