package relay

import (
	"errors"
	"time"

	"usher/proxy/tls13"
)

// LineState is a line as data, besides its descriptor.
type LineState struct {
	TLS    *tls13.State  `json:",omitempty"` // nil if plain
	Held   []byte        `json:",omitempty"`
	Waits  []byte        `json:",omitempty"` // what the socket has not taken
	Waited time.Duration `json:",omitempty"` // since when
	Heard  time.Duration `json:",omitempty"`
	Began  time.Duration `json:",omitempty"`
	Moved  time.Duration `json:",omitempty"`
}

// clear overwrites the secrets.
func (st *LineState) clear() {
	if st.TLS != nil {
		st.TLS.Clear()
	}
}

// packLines has lines stand still, or none of them, and returns what they are.
func (lp *loop) packLines(lines ...*line) (states []LineState, descriptors []int, err error) {
	for i, l := range lines {
		var st LineState
		if st, err = lp.lineState(l); err == nil {
			err = lp.poller.release(l)
		}
		if err != nil {
			l.resumeTLS()
			return nil, nil, errors.Join(err, lp.unpackLines(lines[:i]...))
		}
		l.set(vacated)
		states, descriptors = append(states, st), append(descriptors, l.socket.descriptor())
	}
	return states, descriptors, nil
}

// unpackLines has them go on, or none of them.
func (lp *loop) unpackLines(lines ...*line) error {
	for i, l := range lines {
		if err := lp.poller.add(l); err != nil {
			for _, l := range lines[:i] {
				lp.poller.remove(l)
			}
			return err
		}
	}
	for _, l := range lines {
		l.unset(vacated | readable | ending) // the poller will tell
		l.resumeTLS()
		lp.enqueue(l)
	}
	return nil
}

// resumeTLS takes back that another process has what protects l.
func (l *line) resumeTLS() {
	if own := l.records(); own != nil {
		own.Resume()
	}
}

// lineState is l as data. Its records are protected no more.
func (lp *loop) lineState(l *line) (st LineState, err error) {
	if err := lp.emptyPipe(l); err != nil {
		return st, err
	}
	st = LineState{Held: l.held, Heard: lp.ago(l.heard), Began: lp.ago(l.began), Moved: lp.ago(l.moved)}
	if b := l.backlog; b != nil {
		st.Waits, st.Waited = b.bytes[b.sent:], lp.ago(b.since)
	}
	if own := l.records(); own != nil {
		secrets, err := own.State()
		if err != nil {
			return st, err
		}
		st.TLS = &secrets
	}
	return st, nil
}

// letGo forgets a line whose socket another process has.
func (lp *loop) letGo(l *line) {
	if b := l.backlog; b != nil {
		l.backlog = nil
		lp.outputs.give(b.bytes)
	}
	lp.tapping.forget(l)
	lp.warmth.forget(l)
	l.abandon()
	l.set(closed)
	l.held = nil
}

// fill gives l, which is on no loop, what needs none. The secrets are l's.
func (st *LineState) fill(l *line) error {
	if len(st.Held) > maxHeld {
		return errParcel
	}
	l.held = st.Held
	if st.TLS == nil {
		return nil
	}
	defer st.clear()
	if len(st.TLS.Rest) > tls13.MaxRecord { // a line has opened all whole records
		return errParcel
	}
	own, err := tls13.Restore(*st.TLS)
	if err == nil {
		l.tls = newGuard(own)
	}
	return err
}

// restore gives l what st knows of times, and of what its socket has not taken.
func (lp *loop) restore(l *line, st *LineState) {
	l.heard, l.began, l.moved = lp.since(st.Heard), lp.since(st.Began), lp.since(st.Moved)
	if len(st.Waits) > 0 {
		l.backlog = &backlog{since: lp.since(st.Waited)}
		lp.outputs.append(l.backlog, st.Waits)
		l.user.stuck(lp, l)
	}
}
