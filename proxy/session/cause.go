package session

// Cause says why a session ended: who did what.
type Cause struct {
	Side  Side
	Event Event
}

// String returns the cause as it stands in logs and metrics, such as
// "client.closed" or "upstream.lost".
func (c Cause) String() string { return string(c.Side) + "." + string(c.Event) }

// Side is who caused the end.
type Side string

// The sides of a session.
const (
	Client   Side = "client"
	Upstream Side = "upstream"
	Usher    Side = "usher"
)

// Event is what that side did. The set is fixed: it is a metric label.
type Event string

// The events that end a session.
const (
	Closed   Event = "closed"   // sent a Close frame first
	Lost     Event = "lost"     // its connection ended or broke without one
	Protocol Event = "protocol" // broke a rule of RFC 6455
	TooBig   Event = "too_big"  // a message over max_message or max_fragments
	Rate     Event = "rate"     // sent more than max_rate
	Stalled  Event = "stalled"  // took nothing for write_timeout, or did not finish a message in message_timeout
	Silent   Event = "silent"   // did not answer a ping within ping_timeout
	Idle     Event = "idle"     // nothing passed for idle_timeout
	Overload Event = "overload" // sent more than may wait for an upstream
	Refused  Event = "refused"  // answered no to a handshake
	Shutdown Event = "shutdown" // usher is stopping
	Drained  Event = "drained"  // its route or endpoint is not served any more
	Operator Event = "operator" // an operator closed it
	Expired  Event = "expired"  // what had let the client in has ended
	Revoked  Event = "revoked"  // what had let the client in says no when it is asked again, or is a key that is gone
	Replaced Event = "replaced" // its user has more than may be, and others are newer
	Failed   Event = "failed"   // usher could not go on: a fault of ours or of the machine
)
