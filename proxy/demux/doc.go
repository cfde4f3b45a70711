// Package demux is the middle of a Socket.IO session through usher: one client
// and, for each upstream whose namespaces it joins, a leg of its own. It is a
// state machine without I/O. Its caller, a loop of package relay, hands it what
// came and what time it is; it answers through [Effects].
//
// # Who calls when
//
// A [Session] belongs to one goroutine. [New], then [Session.Start]; from there
// packets of the client go to [Session.FromClient], those of a leg to
// [Session.FromLeg], and what becomes of a leg to [Session.LegUp],
// [Session.LegFailed], [Session.LegRefused] and [Session.LegLost]. After every call
// [Session.Due] says when [Session.Tick] is wanted; it is cheap to ask. An
// effect never calls the session back: a write that fails in ToLeg is told by
// LegLost once the call has returned.
//
// The end is told once, by [Effects.End], or made by the caller with
// [Session.Close]. Either way the caller then closes all legs (without a word
// of Socket.IO, so that upstreams can recover the client's state); the session
// has given back all buffers, and later calls do nothing.
//
// # Who owns bytes
//
// A [Message] and all its bytes are valid during the call only, in both
// directions. A message that goes on unchanged is given to ToClient or ToLeg as the
// very pointer that came in, so that its Frame can be written as it is. What
// must wait (a CONNECT whose leg is being dialled, a packet whose attachments
// have not all come) is copied into a buffer got by Take, and given back by Give.
// A packet with attachments leaves in successive calls, with More set on all
// messages but the last; nothing else is sent to that side between them.
//
// # Legs
//
// A leg's number is chosen by the session and is free again after CloseLeg, or
// after LegLost, LegFailed or LegRefused unless the session dials it again. The
// caller drops what comes late from a leg that was closed. Each Dial is answered
// by one of LegUp, LegFailed and LegRefused, unless CloseLeg or the end comes first.
//
// # Moving
//
// Between two calls a session is data: [Session.State] returns it, and [Restore]
// makes of it a session of another process that goes on from there. The caller
// brings its legs along.
package demux
