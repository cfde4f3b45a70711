package handshake

import (
	"context"
	"net"
	"sync"
	"time"
)

// buffers are for one head each way. Handshakes are short, so a few are shared
// by all.
type buffers struct{ out, in []byte }

type bufferPool struct{ pool sync.Pool } // of *buffers

func (p *bufferPool) get() *buffers {
	if b, ok := p.pool.Get().(*buffers); ok {
		return b
	}
	return &buffers{out: make([]byte, 0, firstRead), in: make([]byte, 0, firstRead)}
}

func (p *bufferPool) put(b *buffers) { p.pool.Put(b) }

// room returns where to read behind what is in b.
func (b *buffers) room() []byte {
	if len(b.in) == cap(b.in) {
		b.in = append(make([]byte, 0, max(2*cap(b.in), firstRead)), b.in...)
	}
	return b.in[len(b.in):cap(b.in)]
}

// talk is a connection on which an endpoint is asked by the goroutine that has
// it, as long as ctx is not done.
type talk struct {
	ctx  context.Context
	conn net.Conn
	stop func() bool
}

// begin begins a talk. Whoever does ends it; the connection stays its own.
func begin(ctx context.Context, conn net.Conn) *talk {
	t := &talk{ctx: ctx, conn: conn}
	t.stop = context.AfterFunc(ctx, t.cut)
	return t
}

// cut ends all reading and writing.
func (t *talk) cut() { t.conn.SetDeadline(time.Unix(1, 0)) }

// by bounds what follows; the zero time is no bound.
func (t *talk) by(due time.Time) {
	if t.conn.SetDeadline(due); t.ctx.Err() != nil {
		t.cut()
	}
}

// hold writes what d has asked, and gives it what comes until it is over.
func (t *talk) hold(d *dialogue, out []byte) {
	due := d.due
	t.by(due)
	if _, err := t.conn.Write(out); err != nil {
		d.lost(err)
	}
	for !d.over() {
		if !d.due.Equal(due) {
			due = d.due
			t.by(due)
		}
		p := d.buffers.room()
		n, err := t.conn.Read(p)
		switch {
		case n > 0:
			d.take(time.Now(), p[:n])
		case err != nil:
			d.lost(err)
		}
	}
}

// end returns the error that a talk came to, which is that of ctx if it was cut.
func (t *talk) end(err error) error {
	if !t.stop() {
		return context.Cause(t.ctx)
	}
	return err
}

func setDeadline(conn net.Conn, timeout time.Duration) {
	if timeout > 0 {
		conn.SetDeadline(time.Now().Add(timeout))
	} else {
		conn.SetDeadline(time.Time{})
	}
}
