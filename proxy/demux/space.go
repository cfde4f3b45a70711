package demux

import "time"

// space is a namespace that the client has asked for.
//
// It is in one of these states:
//
//   - connecting: the client has sent CONNECT and has no answer. Its CONNECTs
//     are in wait.connects, and also on the leg if sent is set.
//   - open: the client was told that it is connected.
//   - rejoining: as open for the client, but the leg was lost; a CONNECT for the
//     new one is stored.
//   - left: a tombstone, kept to tell a packet that crossed the end from one
//     that is out of place.
type space struct {
	name       string
	leg        int16 // -1 for the root that nobody owns
	state      spaceState
	pending    uint8 // CONNECTs that the upstream has not answered
	sent       bool  // the leg has the CONNECTs
	long       bool  // its wait for a leg was counted as a long one
	unanswered uint8 // legs in a row that went with its CONNECTs
	keep       bool  // until does not end the session
	code       uint16
	until      time.Duration // when what it was joined by ends; 0 for never
	since      time.Duration
	wait       *wait // nil if nothing waits and nothing is stored
}

type spaceState uint8

const (
	connecting spaceState = iota
	open
	rejoining
	left
)

// wait is what a namespace keeps beyond a call.
type wait struct {
	connects stash  // CONNECTs, until they are answered
	packets  stash  // packets that go behind the CONNECT's answer
	stored   []byte // the CONNECT to join again with, where OnLoss is Reconnect
	recovery        // of the state that a CONNECT to join again with is to recover
}

// tombstone is how long a namespace that was left is remembered.
const tombstone = 30 * time.Second

// joined tells whether the client takes itself to be connected.
func (sp *space) joined() bool { return sp.state == open || sp.state == rejoining }

// waiting returns what the namespace keeps, to add to it.
func (sp *space) waiting() *wait {
	if sp.wait == nil {
		sp.wait = new(wait)
	}
	return sp.wait
}

// find returns a namespace, or nil if the client never asked for it or left it
// long ago. The result is valid until one is added.
func (s *Session) find(name []byte) *space {
	for i := range s.spaces {
		sp := &s.spaces[i]
		if sp.name != string(name) {
			continue
		}
		if sp.state == left && s.now-sp.since > tombstone {
			return nil
		}
		return sp
	}
	return nil
}

// add enters a namespace behind all others, so that they stand in the order of
// their CONNECTs. Its own tombstone goes, or the oldest if there are too many.
func (s *Session) add(sp space) *space {
	oldest := -1
	for i := range s.spaces {
		old := &s.spaces[i]
		if old.name == sp.name {
			oldest = i
			break
		}
		if old.state == left && len(s.spaces) >= s.config.MaxNamespaces &&
			(oldest < 0 || old.since < s.spaces[oldest].since) {
			oldest = i
		}
	}
	if oldest >= 0 {
		s.spaces = append(s.spaces[:oldest], s.spaces[oldest+1:]...)
	}
	s.spaces = append(s.spaces, sp)
	return &s.spaces[len(s.spaces)-1]
}

// remove forgets a namespace that the client never joined. It is no tombstone.
func (s *Session) remove(sp *space) {
	s.unwait(sp)
	for i := range s.spaces {
		if &s.spaces[i] == sp {
			s.spaces = append(s.spaces[:i], s.spaces[i+1:]...)
			return
		}
	}
}

// bury makes a tombstone of a namespace.
func (s *Session) bury(sp *space) {
	s.unwait(sp)
	sp.state, sp.since, sp.pending, sp.sent, sp.until = left, s.now, 0, false, 0
}

// live counts the namespaces that are no tombstones.
func (s *Session) live() (n int) {
	for i := range s.spaces {
		if s.spaces[i].state != left {
			n++
		}
	}
	return n
}

// hold adds m to a stash of the session's, within its bounds. It tells whether
// the session goes on.
func (s *Session) hold(t *stash, m *Message) bool {
	if s.held+m.cost() > s.config.MaxHeld || s.heldCount >= s.config.MaxHeldPackets {
		s.end(Overflow, nil)
		return false
	}
	t.add(s.effects, m)
	s.held += m.cost()
	s.heldCount++
	return true
}

// unhold empties a stash that hold has filled.
func (s *Session) unhold(t *stash) {
	s.release(t)
	t.drop(s.effects)
}

// release has what a stash holds count no more: it goes where it was held for.
func (s *Session) release(t *stash) {
	s.held -= len(t.buf)
	s.heldCount -= t.n
}

// unwait forgets all that a namespace keeps.
func (s *Session) unwait(sp *space) {
	if sp.wait == nil {
		return
	}
	s.unhold(&sp.wait.connects)
	s.unhold(&sp.wait.packets)
	s.unstore(sp.wait)
	sp.wait = nil
}
