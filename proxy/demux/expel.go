package demux

import (
	"time"

	"usher/proxy/socketio"
)

// Expel tells the client that it has left all of its namespaces, for a session whose
// client is not to come back by itself: one whose connection ends does, all others
// stay away. The caller then ends the session. Who speaks with another parser cannot
// be told.
func (s *Session) Expel(now time.Duration, why string) {
	if s.mode != routing {
		return
	}
	s.now = now
	for i := range s.pleas {
		if p := &s.pleas[i]; !p.gone && s.find([]byte(p.name)) == nil {
			s.turnAway(p.name, why)
		}
	}
	for i := range s.spaces {
		switch sp := &s.spaces[i]; {
		case sp.joined():
			s.expel(sp)
		case sp.state == connecting:
			s.turnAway(sp.name, why)
		}
	}
}

// turnAway refuses a CONNECT that waits. Some clients would ask again behind a new
// connection, but for the DISCONNECT.
func (s *Session) turnAway(name, why string) {
	s.refuseConnect([]byte(name), why, "")
	s.toClient(own(socketio.AppendDisconnect(nil, []byte(name))))
}
