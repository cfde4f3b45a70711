package relay

import (
	"errors"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/session"
	"usher/proxy/ws"
)

var (
	errTwoGETs  = errors.New("a second GET came while one was waiting")
	errTwoPOSTs = errors.New("a second POST came while one was waiting")
	errTooBig   = errors.New("a POST was beyond max_payload")
	errStop     = errors.New("the session is over")
)

// posted is a POST of a client that polls.
type posted struct {
	body   []byte
	octets bool
	answer func(Status)
}

// post hands the packets of a POST to the session. It is answered when there
// is room for more.
func (f *fan) post(lp *loop, p *posted) {
	switch {
	case f.closing():
		p.answer(UnknownSID)
		return
	case Transport(f.handle.state.Load()) == WebSocket:
		p.answer(BadRequest)
		return
	case f.answers.post != nil:
		p.answer(Broken)
		f.answers.donePost(Broken)
		f.breakOff(lp, errTwoPOSTs)
		return
	}
	f.session.FromClient.Bytes.Add(uint64(len(p.body)))
	f.answers.post = p.answer
	f.spend(0, len(p.body))
	err := engineio.DecodePayload(f.entry.Version, p.body, p.octets, f.take)
	switch {
	case f.closing() || err == nil:
	case errors.Is(err, engineio.ErrOctets):
		f.answers.donePost(Broken)
		f.breakOff(lp, err)
	default:
		f.close(session.Cause{Side: session.Client, Event: session.Protocol}, farewell{ws.CodeProtocolError, ""}, err)
		f.forget()
	}
	f.settle()
}

// take hands one packet of a POST to the session.
func (f *fan) take(p engineio.Packet) error {
	in := &f.loop.in
	in.msg = demux.Message{Type: p.Type, Binary: p.Binary, Head: p.Data, Size: len(p.Data)}
	if f.loop.tapping.taps != nil {
		f.showPacket(&in.msg)
	}
	f.fromClient(&in.msg)
	in.msg = demux.Message{}
	if f.closing() {
		return errStop
	}
	return nil
}
