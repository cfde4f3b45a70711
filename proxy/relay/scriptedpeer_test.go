package relay

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"usher/proxy/ws"
)

// peer is what stands at the other end of a leg.
type peer struct {
	t    *testing.T
	side side
	conn net.Conn      // the test's end
	raw  *net.UnixConn // under conn
	got  []byte        // read and not yet expected
	end  error
}

// frame returns a whole frame as p would send it.
func (p *peer) frame(op ws.Opcode, payload string) []byte {
	var key *[4]byte
	if p.side == client {
		key = &[4]byte{1, 2, 3, 4}
	}
	return ws.AppendFrame(nil, op, []byte(payload), key)
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	p.conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatalf("%s writes: %v", p.side.of(), err)
	}
}

func (p *peer) send(op ws.Opcode, payload string) {
	p.t.Helper()
	p.write(p.frame(op, payload))
}

// sendClose sends a Close frame.
func (p *peer) sendClose(code ws.Code, reason string) {
	p.t.Helper()
	p.send(ws.Close, string(ws.AppendClose(nil, code, reason)))
}

// fill reads all that has arrived.
func (p *peer) fill() {
	buf := make([]byte, 1<<20)
	for p.end == nil {
		p.conn.SetReadDeadline(time.Now().Add(p.patience()))
		n, err := p.conn.Read(buf)
		p.got = append(p.got, buf[:n]...)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		p.end = err
	}
}

// patience is how long a read may take: long if something has arrived, however
// busy the machine is. A TLS peer that got a part of a record waits in vain.
func (p *peer) patience() time.Duration {
	arrived := false
	if raw, err := p.raw.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(fds[:], 0)
			arrived = n > 0 || err != nil
		})
	}
	if arrived {
		return 100 * time.Millisecond
	}
	return time.Millisecond
}

// next takes one frame off what has arrived.
func (p *peer) next(why string) (ws.Header, []byte) {
	p.t.Helper()
	h, n, err := ws.ParseHeader(p.got)
	if err == nil && (n == 0 || len(p.got) < n+int(h.Length)) {
		p.fill()
		h, n, err = ws.ParseHeader(p.got)
	}
	if err != nil || n == 0 || len(p.got) < n+int(h.Length) {
		p.t.Fatalf("%s: %s got %d bytes (%v, %v), want a whole frame", why, p.side.of(), len(p.got), err, p.end)
	}
	payload := bytes.Clone(p.got[n : n+int(h.Length)])
	p.got = p.got[n+int(h.Length):]
	if h.Masked != (p.side == upstream) {
		p.t.Errorf("%s: %s got a frame with masked %t", why, p.side.of(), h.Masked)
	}
	ws.Mask(payload, h.Key, 0)
	return h, payload
}

func (p *peer) wantFrame(why string, op ws.Opcode, payload string) {
	p.t.Helper()
	h, got := p.next(why)
	if h.Opcode != op || string(got) != payload {
		p.t.Errorf("%s: %s got %s %.80q, want %s %.80q", why, p.side.of(), h.Opcode, got, op, payload)
	}
}

func (p *peer) wantClose(why string, code ws.Code, reason string) {
	p.t.Helper()
	p.wantFrame(why, ws.Close, string(ws.AppendClose(nil, code, reason)))
}

// wantIdle fails if anything has arrived.
func (p *peer) wantIdle(why string) {
	p.t.Helper()
	p.fill()
	if len(p.got) > 0 || p.end != nil {
		p.t.Errorf("%s: %s got %d bytes (%v), want nothing", why, p.side.of(), len(p.got), p.end)
	}
}

// wantEOF fails unless the connection has ended with nothing left to read.
func (p *peer) wantEOF(why string) {
	p.t.Helper()
	p.fill()
	if len(p.got) > 0 || !errors.Is(p.end, io.EOF) {
		p.t.Errorf("%s: %s got %d bytes and %v, want the end of the connection", why, p.side.of(), len(p.got), p.end)
	}
}
