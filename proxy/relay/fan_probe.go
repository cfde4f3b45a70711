package relay

import (
	"time"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/ws"
)

// probeTimeout is how long a WebSocket may take to take over from polling.
const probeTimeout = 10 * time.Second

// accept hands a socket of the client to the loop.
func (f *Fan) accept(l Leg, b64 bool, as func(*fan, *strand)) {
	if !f.post(func(lp *loop) { f.fan.accept(lp, l, b64, as) }) {
		l.Conn.Close()
	}
}

// accept makes a strand of a socket of the client, and lets as say what it is.
func (f *fan) accept(lp *loop, l Leg, b64 bool, as func(*fan, *strand)) {
	if f.closing() && f.end.told {
		l.Conn.Close()
		return
	}
	s, early, err := f.adopt(l, client, -1)
	if err != nil {
		f.breakOff(lp, err)
		return
	}
	s.b64, s.window = b64, l.Deflate
	as(f, s)
	lp.feed(&s.line, early)
	f.settle()
}

// welcome makes s the client's WebSocket, from the start.
func (f *fan) welcome(s *strand) {
	if f.closing() || f.client != nil || f.entry.Polling {
		f.dismiss(s, farewell{code: ws.CodeGoingAway})
		return
	}
	f.stream(s)
}

// stream makes s what the client is sent everything by from now on, what it
// was not sent yet first.
func (f *fan) stream(s *strand) {
	f.client = s
	f.handle.state.Store(int32(WebSocket))
	f.answers.out.each(func(p engineio.Packet) {
		s.send(f.loop, &demux.Message{Type: p.Type, Binary: p.Binary, Head: p.Data, Size: len(p.Data)})
	})
	f.answers.out.clear(&f.loop.outputs)
	f.resume()
}

// probe takes a WebSocket that may take over from polling.
func (f *fan) probe(s *strand) {
	if f.closing() || f.client != nil || f.probing != nil || !f.entry.Polling || !f.ready {
		f.dismiss(s, farewell{code: ws.CodeNormal})
		f.countProbe(false)
		return
	}
	f.probing = s
	f.handle.state.Store(int32(Probing))
	s.cutAt = f.loop.now + probeTimeout
	f.loop.timers.schedule(f, s.cutAt)
}

// probed acts on a packet from the probe. What may come is a ping, and then
// the upgrade.
func (f *fan) probed(m *demux.Message) {
	s := f.probing
	switch {
	case m.Type == engineio.Ping && string(m.Head) == "probe" && !s.probed:
		s.probed = true
		s.send(f.loop, &demux.Message{Type: engineio.Pong, Head: m.Head, Size: m.Size})
		f.showPacketTo(client, "", engineio.Pong, m.Head, false)
		f.noop() // the client waits for its GET before it goes on
	case m.Type == engineio.Upgrade && s.probed:
		f.noop()
		f.probing = nil
		s.cutAt = 0
		f.countProbe(true)
		f.stream(s)
	default:
		f.probing = nil
		f.dismiss(s, farewell{code: ws.CodePolicy})
		f.unprobe()
	}
}

// unprobe goes on polling.
func (f *fan) unprobe() {
	f.handle.state.Store(int32(Polling))
	f.answers.noopAt = 0
	f.countProbe(false)
}

func (f *fan) countProbe(done bool) {
	switch c := f.options.Probes; {
	case c == nil:
	case done:
		c.Done.Add(1)
	default:
		c.Failed.Add(1)
	}
}

// tickProbe ends a probe that takes too long, and returns when it does.
func (f *fan) tickProbe() time.Duration {
	s := f.probing
	if s == nil {
		return never
	}
	due := f.loop.judgedAt(s.cutAt)
	if f.loop.now >= due {
		f.probing = nil
		f.dismiss(s, farewell{code: ws.CodePolicy})
		f.unprobe()
		return never
	}
	return due
}
