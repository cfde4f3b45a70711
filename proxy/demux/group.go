package demux

import "usher/proxy/socketio"

// group is a packet with attachments that has not come completely. The last
// attachment is never part of it: with that the packet is complete, and leaves.
type group struct {
	parts stash
	left  int32 // attachments that are still to come; 0 if there is no group
	skip  bool  // nobody wants it
}

func (g *group) start(h *socketio.Header, skip bool) { g.left, g.skip = int32(h.Attachments), skip }

// drop forgets the group.
func (g *group) drop(fx Effects) {
	g.parts.drop(fx)
	g.left, g.skip = 0, false
}

// add takes a message of the group, unless it is the one that completes it.
func (g *group) add(fx Effects, m *Message) {
	if !g.skip {
		m.More = true
		g.parts.add(fx, m)
	}
}

// packet is a Socket.IO packet that is complete.
type packet struct {
	header socketio.Header
	head   *Message
	tail   []byte   // attachments, as in a stash
	last   *Message // attachment behind those; nil if there is none
}

// complete makes a packet of the group and its last attachment. It is valid
// until the group is dropped.
func (g *group) complete(last *Message) packet {
	p := packet{head: new(Message), last: last}
	p.tail = next(g.parts.buf, p.head)
	// It was read without an error before.
	p.header, _, _ = socketio.ParseHeader(p.head.Head, true)
	return p
}

// unpack takes the first packet off p, which is what is left of a stash's
// buffer.
func unpack(buf []byte) (p packet, rest []byte) {
	p.head = new(Message)
	rest = next(buf, p.head)
	p.header, _, _ = socketio.ParseHeader(p.head.Head, true)
	tail := rest
	for m := *p.head; m.More; {
		rest = next(rest, &m)
	}
	p.tail = tail[:len(tail)-len(rest)]
	return p, rest
}

// each hands over the messages of the packet in their order, until one is not
// taken.
func (p *packet) each(take func(m *Message) bool) {
	p.head.More = len(p.tail) > 0 || p.last != nil
	if !take(p.head) {
		return
	}
	if len(p.tail) > 0 {
		m := new(Message)
		for rest := p.tail; len(rest) > 0; {
			if rest = next(rest, m); !take(m) {
				return
			}
		}
	}
	if p.last != nil {
		take(p.last)
	}
}
