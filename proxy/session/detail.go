package session

// Detail is what only the relay of a session of several legs can say of it.
type Detail struct {
	Transport  string   // how its client speaks
	Revision   int      // of Engine.IO
	Namespaces []string // that the client is connected to
	Legs       []Leg
}

// Leg is one that is open.
type Leg struct {
	Upstream string
	Tag      string // of its endpoint, as clients have it
	Endpoint string // its address; "" if the routes file does not have it any more
}

// Describer asks for a Detail: done is called once, from another goroutine, and
// must not block. False says that it never will be.
type Describer func(done func(Detail)) bool

// Explain says whom to ask about s until it ends. It is called before anything
// has begun.
func (s *Session) Explain(d Describer) { s.describer.Store(&d) }

// Describe asks; false says that there is nothing to be said of s.
func (s *Session) Describe(done func(Detail)) bool {
	d := s.describer.Load()
	return d != nil && (*d)(done)
}
