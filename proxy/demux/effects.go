package demux

// Effects is what a session does, and what it needs of its caller. No method
// may call the session.
type Effects interface {
	// Ready says that the handshake may be answered; it comes once, unless
	// Refuse or End does. With sid, that is the session's sid; without, the
	// caller's own. What is given to ToClient from then on stands behind the open packet.
	Ready(sid string)
	// Refuse says that the handshake is to be answered with r. The session is
	// over, as after End, and err is as there.
	Refuse(r Refusal, err error)

	// ToClient sends m to the client, behind all that was sent before.
	ToClient(m *Message)
	// ToLeg sends m to an upstream, behind all that was sent before on this leg.
	ToLeg(leg int, m *Message)

	// Dial opens a leg. Trying one endpoint is enough: if that fails, the session
	// dials again.
	Dial(leg int, to Target)
	// CloseLeg closes a leg, or gives up its dialling. What was given to ToLeg is
	// sent first.
	CloseLeg(leg int)

	// Guarded tells whether somebody has to say who may join a namespace, and Judge
	// has it said: Judged is called with the ticket.
	Guarded(namespace string) bool
	Judge(ticket uint32, p Plea)

	// End ends the session. Err is what broke it; where an upstream did it, nil
	// stands for what the caller has just told of a leg.
	End(why Reason, err error)

	// Append appends the whole content of a message that came from the caller.
	Append(dst []byte, m *Message) []byte
	// Take returns an empty buffer with room for n bytes.
	Take(n int) []byte
	// Give takes back a buffer that Take has returned, or one grown from it.
	Give(b []byte)
}

// Target is where a leg is to go.
type Target struct {
	Service int    // index in Config.Services
	Prefer  string // tag of the endpoint that knows the client, if any; it came from the client and proves nothing
	Avoid   string // tag of the endpoint that was just lost; another one is better
}

// Reason says why a session ended.
type Reason uint8

// The reasons for an end. Those up to Overflow are the client's doing.
const (
	ClientClosed Reason = iota + 1 // it sent an Engine.IO close
	Heartbeat                      // it sent the other side's half of the heartbeat
	Silent                         // it sent no pong, or no ping, in time
	Unconnected                    // it joined no namespace within ConnectTimeout
	Malformed                      // it sent what is no Socket.IO packet, or attachments out of place
	Foreign                        // it speaks with another parser, and the route has no fallback
	Violation                      // it sent a packet that is not allowed where it stands
	TooBig                         // it sent a message or a packet beyond a limit of ours or of the upstream
	Overflow                       // it sent more than may wait for a leg
	LegLost                        // an upstream went, and its OnLoss is Transport
	LegClosed                      // an upstream closed hard, and PropagateHardClose is set
	LegRefused                     // the fallback upstream refused an opaque session
	Stuck                          // a re-dial took longer than ConnectHold, or no new leg lasted until it was joined
	Expired                        // what a namespace was joined by has ended
)

// String returns the reason as one word for logs and metrics.
func (r Reason) String() string {
	switch r {
	case ClientClosed:
		return "client_closed"
	case Heartbeat:
		return "heartbeat"
	case Silent:
		return "silent"
	case Unconnected:
		return "unconnected"
	case Malformed:
		return "malformed"
	case Foreign:
		return "foreign_parser"
	case Violation:
		return "violation"
	case TooBig:
		return "too_big"
	case Overflow:
		return "overflow"
	case LegLost:
		return "leg_lost"
	case LegClosed:
		return "leg_closed"
	case LegRefused:
		return "leg_refused"
	case Stuck:
		return "stuck"
	case Expired:
		return "expired"
	}
	return "unknown"
}
