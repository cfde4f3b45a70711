package demux

// Census shows each namespace that the client has asked for and not left, in
// the order of its CONNECTs: by its name, the service that has it, -1 for none,
// and whether the client was told that it is connected.
func (s *Session) Census(see func(name string, service int, joined bool)) {
	for i := range s.spaces {
		sp := &s.spaces[i]
		if sp.state == left {
			continue
		}
		service := -1
		if sp.leg >= 0 && int(sp.leg) < len(s.legs) {
			service = int(s.legs[sp.leg].service)
		}
		see(sp.name, service, sp.joined())
	}
}
