package relay

import (
	"usher/proxy/demux"
	"usher/proxy/engineio"
)

// outbox holds packets for a client that has no WebSocket, or none yet, in
// their order. Its memory is a buffer of the loop's while it is not empty.
type outbox struct {
	packets []boxed
	data    []byte
}

// boxed is a packet; its data ends at end, and begins where the one before it
// ends.
type boxed struct {
	kind   engineio.PacketType
	binary bool
	end    int
}

// size is about what the packets take on the wire.
func (o *outbox) size() int { return len(o.data) + 2*len(o.packets) }

func (o *outbox) empty() bool { return len(o.packets) == 0 }

// add puts a packet behind the others.
func (o *outbox) add(buffers *freelist, kind engineio.PacketType, binary bool, data []byte) {
	o.room(buffers, len(data))
	o.data = append(o.data, data...)
	o.packets = append(o.packets, boxed{kind, binary, len(o.data)})
}

// addMessage puts m behind the others.
func (o *outbox) addMessage(lp *loop, m *demux.Message) {
	o.room(&lp.outputs, m.Size)
	o.data = lp.in.appendContent(o.data, m)
	o.packets = append(o.packets, boxed{m.Type, m.Binary, len(o.data)})
}

func (o *outbox) room(buffers *freelist, n int) {
	if o.data == nil {
		o.data = buffers.take(n)
	}
}

// each calls f for the packets, in order.
func (o *outbox) each(f func(engineio.Packet)) {
	from := 0
	for _, p := range o.packets {
		f(engineio.Packet{Type: p.kind, Binary: p.binary, Data: o.data[from:p.end]})
		from = p.end
	}
}

// payload returns the body of an answer that carries all packets, and whether
// it is made of octets.
func (o *outbox) payload(v engineio.Version, b64 bool) (body []byte, octets bool) {
	packets := make([]engineio.Packet, 0, len(o.packets))
	o.each(func(p engineio.Packet) { packets = append(packets, p) })
	return engineio.AppendPayload(make([]byte, 0, o.size()), v, packets, b64)
}

// clear empties the outbox and gives its memory back.
func (o *outbox) clear(buffers *freelist) {
	buffers.give(o.data)
	*o = outbox{}
}
