package relay

import (
	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/session"
	"usher/proxy/tap"
	"usher/proxy/ws"
)

// tapping is a loop's part in showing frames to taps.
type tapping struct {
	hub     *tap.Hub              // static after construction
	taps    *tap.Taps             // of this turn; nil for none
	streams map[*line]*tap.Stream // of lines whose frames were shown
}

// look finds out, once a turn, who taps.
func (t *tapping) look() {
	if t.taps = t.hub.Taps(); t.taps == nil && t.streams != nil {
		t.streams = nil
	}
}

// show shows what l has sent: p, whose first left bytes belong to a frame that
// began before.
func (lp *loop) show(s *session.Session, l *line, leg string, p []byte, left int64) {
	if l.is(ignored) || !lp.tapping.taps.Take(s) {
		return
	}
	st := lp.tapping.streams[l]
	if st == nil {
		if lp.tapping.streams == nil {
			lp.tapping.streams = make(map[*line]*tap.Stream)
		}
		st = new(tap.Stream)
		lp.tapping.streams[l] = st
	}
	from := l.side.of()
	to := (1 - l.side).of()
	st.See(lp.tapping.taps, tap.Frame{Session: s, From: from, To: to, Leg: leg, Time: lp.began + int64(lp.now)}, p, left)
}

// showOwn shows a control frame that usher itself sends to l.
func (lp *loop) showOwn(s *session.Session, l *line, leg string, op ws.Opcode, payload []byte) {
	like := tap.Frame{Session: s, From: session.Usher, To: l.side.of(), Leg: leg, Time: lp.began + int64(lp.now)}
	lp.tapping.taps.Own(like, op, payload)
}

// waits tells whether more of what l sends must be seen before the rest of it
// may pass unseen.
func (t *tapping) waits(l *line) bool {
	st := t.streams[l]
	return st != nil && st.Waits()
}

// forget ends the stream of l.
func (t *tapping) forget(l *line) {
	if st := t.streams[l]; st != nil {
		st.End(t.taps)
		delete(t.streams, l)
	}
}

// showPacket shows a packet that a client that polls has sent.
func (f *fan) showPacket(m *demux.Message) {
	lp := f.loop
	if !lp.tapping.taps.Take(f.session) {
		return
	}
	like := tap.Frame{
		Session: f.session, From: session.Client, To: session.Upstream, Time: lp.began + int64(lp.now),
		Opcode: ws.Text, Fin: true, Polling: true, Size: int64(wireSize(f.entry.Version, m, false)),
	}
	if m.Binary {
		like.Opcode = ws.Binary
		lp.tapping.taps.Show(like, m.Head)
		return
	}
	head := m.Head[:min(len(m.Head), tap.MaxBytes)]
	lp.tapping.taps.Show(like, append([]byte{byte(m.Type)}, head...))
}

// showPacketTo shows a packet of usher's own, however it is sent: what others
// send is shown as it comes.
func (f *fan) showPacketTo(to side, leg string, kind engineio.PacketType, data []byte, polling bool) {
	lp := f.loop
	if lp.tapping.taps == nil || !lp.tapping.taps.Take(f.session) {
		return
	}
	lp.tapping.taps.Show(tap.Frame{
		Session: f.session, From: session.Usher, To: to.of(), Leg: leg, Time: lp.began + int64(lp.now),
		Opcode: ws.Text, Fin: true, Polling: polling, Size: int64(1 + len(data)),
	}, append([]byte{byte(kind)}, data[:min(len(data), tap.MaxBytes)]...))
}
