package relay

import (
	"bytes"
	"io"
	"syscall"
	"testing"
	"time"

	"usher/proxy/ws"
)

// withFD calls f with p's descriptor, which does not block.
func (p *peer) withFD(f func(fd int)) {
	p.t.Helper()
	raw, err := p.raw.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// offer writes what the socket takes of b at once, and returns how much.
func (p *peer) offer(b []byte) (n int) {
	p.t.Helper()
	p.withFD(func(fd int) {
		for n < len(b) {
			k, err := syscall.Write(fd, b[n:])
			if err == syscall.EINTR {
				continue
			}
			if err != nil {
				return
			}
			n += k
		}
	})
	return n
}

// take reads what is there, limit bytes at most, and returns how much that was.
func (p *peer) take(limit int) (n int) {
	p.t.Helper()
	p.withFD(func(fd int) {
		buf := make([]byte, min(limit, 64<<10))
		for n < limit && p.end == nil {
			k, err := syscall.Read(fd, buf[:min(len(buf), limit-n)])
			switch {
			case err == syscall.EINTR:
				continue
			case err == syscall.EAGAIN:
				return
			case err != nil:
				p.end = err
			case k == 0:
				p.end = io.EOF
			default:
				p.got = append(p.got, buf[:k]...)
				n += k
			}
		}
	})
	return n
}

// wantNow fails unless exactly want has arrived.
func (p *peer) wantNow(why string, want []byte) {
	p.t.Helper()
	p.take(1 << 30)
	if !bytes.Equal(p.got, want) {
		p.t.Fatalf("%s: %s got %d bytes %.40x, want %d bytes %.40x", why, p.side.of(), len(p.got), p.got, len(want), want)
	}
	p.got = nil
}

// stuff offers b over and over until nothing more is taken although the loop
// turns, and returns how much that was.
func (h *harness) stuff(p *peer, b []byte) (total int) {
	h.t.Helper()
	for total < len(b) {
		n := p.offer(b[total:])
		h.step()
		if n == 0 {
			return total
		}
		total += n
	}
	return total
}

// carry has from write b while the loop turns, and fails unless it is what
// arrives at to.
func (h *harness) carry(why string, from, to *peer, b []byte) {
	h.t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); from.write(b) }()
	for until := time.Now().Add(20 * time.Second); len(to.got) < len(b) && to.end == nil; {
		h.move()
		if to.raw == to.conn {
			to.take(1 << 30)
		} else {
			to.fill()
		}
		if time.Now().After(until) {
			h.t.Fatalf("%s: %s got %d of %d bytes in 20 s", why, to.side.of(), len(to.got), len(b))
		}
	}
	<-done
	if !bytes.Equal(to.got, b) {
		h.t.Fatalf("%s: %s got %d bytes that differ from the %d that were sent", why, to.side.of(), len(to.got), len(b))
	}
	to.got = nil
}

// dirs are the two directions of a session.
func dirs(c, u *peer) [2]struct{ from, to *peer } {
	return [2]struct{ from, to *peer }{{c, u}, {u, c}}
}

// fragment returns one frame of a message.
func (p *peer) fragment(op ws.Opcode, fin bool, payload string) []byte {
	b := p.frame(op, payload)
	if !fin {
		b[0] &^= 0x80
	}
	return b
}

// header returns the header that p would send for a final frame.
func (p *peer) header(op ws.Opcode, length int64) []byte {
	h := ws.Header{Fin: true, Opcode: op, Length: length}
	if p.side == client {
		h.Masked, h.Key = true, [4]byte{1, 2, 3, 4}
	}
	return ws.AppendHeader(nil, h)
}

// pair returns the only pair of the loop.
func (h *harness) pair() *pair {
	h.t.Helper()
	if n := len(h.loop.pairs); n != 1 {
		h.t.Fatalf("got %d pairs in the loop, want 1", n)
	}
	for _, p := range h.loop.pairs {
		return p
	}
	return nil
}

// buffers makes the kernel hold little (or much) between a peer and its leg.
func buffers(t *testing.T, size int, conns ...interface {
	SetReadBuffer(int) error
	SetWriteBuffer(int) error
},
) {
	t.Helper()
	for _, c := range conns {
		if err := c.SetReadBuffer(size); err != nil {
			t.Fatal(err)
		}
		if err := c.SetWriteBuffer(size); err != nil {
			t.Fatal(err)
		}
	}
}

// wantGoing fails unless the only pair of the loop is relaying.
func (h *harness) wantGoing(why string) {
	h.t.Helper()
	h.wantOpen()
	if p := h.pair(); p.closing() {
		h.t.Fatalf("%s: got the pair ended by %v (%v), want it going on", why, p.end.cause, p.end.err)
	}
}

// waitingBytes returns the size of the buffer of what l has not taken.
func (l *line) waitingBytes() int {
	if l.backlog == nil {
		return 0
	}
	return cap(l.backlog.bytes)
}

// rawWrite and rawRead are a peer's without the cost of its checks.
func rawWrite(fd int, p []byte) { syscall.Write(fd, p) }

func rawRead(fd int, p []byte) int {
	n, _ := syscall.Read(fd, p)
	return n
}
