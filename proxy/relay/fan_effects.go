package relay

import (
	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/session"
	"usher/proxy/ws"
)

// effects is a fan as its demux.Session sees it. What each method is to do stands
// at demux.Effects.
type effects fan

func (e *effects) Ready(sid string) {
	f := (*fan)(e)
	if f.sid = sid; sid == "" {
		f.sid = f.entry.SID
	}
	open := engineio.OpenData{
		SID:          f.sid,
		Upgrades:     f.entry.Polling,
		PingInterval: f.options.Demux.PingInterval,
		PingTimeout:  f.options.Demux.PingTimeout,
		MaxPayload:   int(f.options.Client.MaxMessage),
	}
	data := open.Append(nil)
	f.answers.out.add(&f.loop.outputs, engineio.Open, false, data)
	f.showPacketTo(client, "", engineio.Open, data, f.entry.Polling)
	f.answer(f.sid, demux.Refusal{})
}

func (e *effects) Refuse(r demux.Refusal, err error) {
	f := (*fan)(e)
	if err == nil {
		err = e.why
	}
	f.answer("", r)
	f.close(session.Cause{Side: session.Upstream, Event: session.Refused}, farewell{code: ws.CodeInternal}, err)
}

// answer tells how to answer the handshake, once.
func (f *fan) answer(sid string, r demux.Refusal) {
	if !f.ready {
		f.ready = true
		f.entry.Ready(sid, r)
	}
}

func (e *effects) ToClient(m *demux.Message) {
	f := (*fan)(e)
	if m.Own {
		f.showPacketTo(client, "", m.Type, m.Head, f.client == nil)
	}
	if f.client != nil {
		f.client.send(f.loop, m)
		return
	}
	f.answers.out.addMessage(f.loop, m)
	f.answers.schedule(f)
}

func (e *effects) ToLeg(leg int, m *demux.Message) {
	f := (*fan)(e)
	if s := f.legs[leg].strand; s != nil {
		if m.Own {
			f.showPacketTo(upstream, s.to.Upstream, m.Type, m.Head, false)
		}
		s.send(f.loop, m)
	}
}

func (e *effects) Dial(leg int, to demux.Target) { (*fan)(e).dial(leg, to) }

func (e *effects) CloseLeg(leg int) { (*fan)(e).closeLeg(leg, farewell{code: ws.CodeNormal}) }

func (e *effects) Guarded(namespace string) bool {
	return e.entry.Guarded != nil && e.entry.Guarded(namespace)
}

func (e *effects) Judge(ticket uint32, p demux.Plea) { (*fan)(e).judge(ticket, p) }

func (e *effects) End(why demux.Reason, err error) {
	if err == nil && why >= demux.LegLost {
		err = e.why
	}
	if why == demux.LegLost && inOrder(err) {
		why = demux.LegClosed
	}
	cause, words := endOf(why)
	if why == demux.Expired {
		words.code = ws.Code(e.demux.ExpiryCode())
	}
	(*fan)(e).close(cause, words, err)
}

func (e *effects) Append(dst []byte, m *demux.Message) []byte {
	return e.loop.in.appendContent(dst, m)
}

func (e *effects) Take(n int) []byte { return e.loop.outputs.take(n) }

func (e *effects) Give(b []byte) { e.loop.outputs.give(b) }

// endOf returns the cause that a session's own end has in logs and metrics,
// and what its client is told.
func endOf(why demux.Reason) (session.Cause, farewell) {
	side := session.Client
	if why >= demux.LegLost {
		side = session.Upstream
	}
	event, code := session.Protocol, ws.CodeProtocolError
	switch why {
	case demux.Heartbeat, demux.Malformed:
	case demux.Expired:
		return expired, farewell{reason: session.ExpiryReason} // the code is that of what ended
	case demux.ClientClosed:
		event, code = session.Closed, ws.CodeNormal
	case demux.Silent:
		event, code = session.Silent, ws.CodeGoingAway
	case demux.Unconnected:
		event, code = session.Idle, ws.CodePolicy
	case demux.Foreign:
		code = ws.CodeUnsupported
	case demux.Violation:
		code = ws.CodePolicy
	case demux.TooBig:
		event, code = session.TooBig, ws.CodeTooBig
	case demux.Overflow:
		event, code = session.Overload, ws.CodePolicy
	case demux.LegLost:
		event, code = session.Lost, ws.CodeInternal
	case demux.LegClosed:
		event, code = session.Closed, ws.CodeInternal
	case demux.LegRefused:
		event, code = session.Refused, ws.CodeInternal
	case demux.Stuck:
		event, code = session.Stalled, ws.CodeInternal
	}
	words := string(side) + ": " + why.String()
	if why == demux.Foreign { // whoever sees it has to know what to do
		words = ParserRule
	}
	return session.Cause{Side: side, Event: event}, farewell{code, words}
}
