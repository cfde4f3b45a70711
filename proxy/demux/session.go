package demux

import (
	"time"

	"usher/proxy/engineio"
)

// Session is the state of one client: its namespaces and its legs.
//
// It is in one of these modes:
//
//   - starting: the handshake waits for legs that are dialled eagerly. What
//     they send to the client meanwhile is in early.
//   - routing: packets are routed by their namespaces.
//   - opaque: the client has a parser of its own; all its messages go to the
//     fallback's leg, and wait in early until that is open.
//   - over: nothing has an effect any more.
type Session struct {
	// static after construction
	config  *Config
	stats   *Stats
	effects Effects
	version engineio.Version

	// owned by the caller's goroutine
	mode   mode
	spoken bool // the first message of the client, or of an EIO3 root, was seen
	alien  bool // it was of another parser
	asked  bool // the client has sent a CONNECT
	joined bool // a namespace has been open
	now    time.Duration
	due    time.Duration // when Tick is wanted, 0 for never
	spaces []space
	legs   []leg
	in     group // from the client
	early  stash
	pleas  []plea
	sid    string // of an EIO3 root leg, which the client's is to be

	held, heldCount int // bytes and messages in stashes of namespaces
	rate            bucket
	beat            beat
	tickets         uint32 // of pleas
	expiryCode      uint16
}

type mode uint8

const (
	starting mode = iota
	routing
	opaque
	over
)

// New returns the session of a client that has begun its handshake.
func New(c *Config, stats *Stats, v engineio.Version, fx Effects) *Session {
	return &Session{config: c, stats: stats, effects: fx, version: v}
}

// Start dials the legs that the handshake waits for. If there are none, the
// session is ready at once.
func (s *Session) Start(now time.Duration) {
	s.now = now
	s.rate.fill(now, s.config)
	s.dialEager()
	s.becomeReady()
	s.schedule()
}

// becomeReady answers the handshake unless a leg is missing for it.
func (s *Session) becomeReady() {
	if s.mode != starting {
		return
	}
	for i := range s.legs {
		if l := &s.legs[i]; l.eager && l.state != legOpen {
			return
		}
	}
	s.mode = routing
	s.beat.start(s)
	if s.alien || s.config.Opaque {
		s.mode = opaque
	}
	s.effects.Ready(s.sid)
	if s.mode == routing && s.version == engineio.V3 && s.config.root() < 0 {
		s.connectVirtualRoot()
	}
	s.flushEarly()
}

// Due returns when Tick is wanted, or 0 for never. It may be earlier than
// needed, and changes only in calls.
func (s *Session) Due() time.Duration { return s.due }

// Over tells whether the session has ended.
func (s *Session) Over() bool { return s.mode == over }

// Held returns how many bytes wait for legs, and for the rest of their packets.
func (s *Session) Held() int {
	n := s.held + len(s.in.parts.buf) // early is part of held
	for i := range s.legs {
		n += len(s.legs[i].in.parts.buf)
	}
	return n
}

// Namespaces appends the names that the client has joined or asked for, up to
// MaxNamespaces of them.
func (s *Session) Namespaces(dst []string) []string {
	for i := range s.spaces {
		dst = append(dst, s.spaces[i].name)
	}
	return dst
}

// Close ends the session without an effect: its client is gone, or the caller
// ends it. Names stay readable.
func (s *Session) Close() {
	if s.mode == over {
		return
	}
	s.mode, s.due = over, 0
	for i := range s.spaces {
		s.unwait(&s.spaces[i])
	}
	for i := range s.legs {
		s.legs[i].in.drop(s.effects)
	}
	for i := range s.pleas {
		s.unhold(&s.pleas[i].held)
	}
	s.pleas = nil
	s.in.drop(s.effects)
	s.unhold(&s.early)
}

// end closes the session for a reason.
func (s *Session) end(why Reason, err error) {
	if s.mode == over {
		return
	}
	if s.mode == starting {
		s.refuse(Refusal{Status: 503, Text: textUnavailable}, err)
		return
	}
	s.Close()
	s.effects.End(why, err)
}

// refuse answers the handshake with an error.
func (s *Session) refuse(r Refusal, err error) {
	s.Close()
	s.effects.Refuse(r, err)
}

// toClient sends m to the client, once the handshake was answered.
func (s *Session) toClient(m *Message) bool {
	if s.mode == starting {
		return s.hold(&s.early, m)
	}
	s.effects.ToClient(m)
	return true
}

// flushEarly sends the client what came for it before the handshake was
// answered.
func (s *Session) flushEarly() {
	m := new(Message)
	for rest := s.early.buf; len(rest) > 0; {
		rest = next(rest, m)
		s.effects.ToClient(m)
	}
	s.unhold(&s.early)
}

func (s *Session) drop(d Drop) { s.stats.Dropped[d].Add(1) }
