package session

// Leg is a connection to an upstream of a session that has several: it is split
// by namespace, and its Info has none of these.
type Leg struct {
	Upstream string // its name
	Endpoint string // its address
	Target   string // upstream.Endpoint.Identity
}

// LegTraffic is what has passed on the legs to one upstream.
type LegTraffic struct{ To, From Traffic }

// SetLegs notes which legs of s have an open socket, and with that, that s is
// split. Its relay says so each time that it changes, until the end begins. list
// is not changed any more.
func (s *Session) SetLegs(list []Leg) { s.legs.Store(&list) }

// Legs returns what SetLegs has noted last, which stays readable after the end;
// split is false if s has only what its Info says.
func (s *Session) Legs() (list []Leg, split bool) {
	if p := s.legs.Load(); p != nil {
		return *p, true
	}
	return nil, false
}

// Detail is what only the relay of a session that is split can say of it.
type Detail struct {
	Transport  string   // how its client speaks
	Revision   int      // of Engine.IO
	Namespaces []string // that the client is connected to
	Waiting    []string // that it has asked for and waits for
}
