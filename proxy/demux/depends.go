package demux

// DependsOn tells whether the loss of an open leg would end the session.
func (s *Session) DependsOn(leg int) bool {
	if !s.legIn(leg, legOpen) {
		return false
	}
	return s.mode == opaque || s.service(leg).OnLoss == Transport && s.hasJoined(leg)
}
