package handshake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"usher/proxy/refusal"
	"usher/proxy/upstream"
	"usher/proxy/ws"
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

// question is what an endpoint is asked, and how.
type question struct {
	half        half
	traceparent string        // of the attempt; "" where half has it, or there is none
	timeout     time.Duration // for each answer; 0 for no limit
	opening     opening
}

// opening is what is done about the first that a server says behind its 101.
// What comes together with the 101 is looked at in any case.
type opening uint8

const (
	openingLeft   opening = iota // it is the relay's matter
	openingBrief                 // openPause is given for it
	openingNeeded                // there must be one
)

// reply is what an endpoint says to a question: a 101 that is verified, or
// another answer instead.
type reply struct {
	answer
	agreed   agreed // what the 101 has settled
	heard    bool   // the endpoint has said anything at all
	recanted bool   // the answer takes back a 101 that was verified
}

// ask asks the endpoint at the other end of t. In b.in stands the head of its
// answer, and what was read behind that.
func (b *buffers) ask(t *talk, q question) (r reply, err error) {
	b.in = b.in[:0]
	t.within(q.timeout)
	if r, err = b.converse(t, q); err != nil {
		err = badAnswer(err)
	}
	r.heard = len(b.in) > 0 || r.status != 0
	return r, err
}

func (b *buffers) converse(t *talk, q question) (r reply, err error) {
	key := newKey()
	b.out = q.half.appendUpgrade(b.out[:0], key, q.traceparent)
	if r.answer, err = b.roundTrip(t); err != nil || r.status != http.StatusSwitchingProtocols {
		return r, err
	}
	if r.agreed, err = r.verify(key, q.half.offer); err != nil {
		return r, err
	}
	if err = b.await(t, r.head, q); err != nil || !recants(b.in[r.head:]) {
		return r, err
	}
	r.recanted = true
	b.in = b.in[:copy(b.in, b.in[r.head:])]
	if r.answer, err = b.readAnswer(t); err != nil {
		err = errors.Join(ws.ErrAnswer, err)
	}
	return r, err
}

// await waits for what a server says behind its 101, which ends at head, as long
// as q wants it.
func (b *buffers) await(t *talk, head int, q question) error {
	if len(b.in) > head || q.opening == openingLeft {
		return nil
	}
	if q.opening == openingBrief {
		t.within(openPause)
		_ = b.read(t) // who has nothing to say may say it to the relay
		t.within(q.timeout)
		return nil
	}
	t.within(q.timeout)
	if err := b.read(t); err != nil {
		return fmt.Errorf("nothing behind the 101: %w", err)
	}
	return nil
}

// roundTrip writes what is in b.out and reads the answer to b.in.
func (b *buffers) roundTrip(t *talk) (answer, error) {
	if _, err := t.conn.Write(b.out); err != nil {
		return answer{}, err
	}
	return b.readAnswer(t)
}

// readAnswer reads until b.in has the whole head of an answer, which may be there
// already. With an error, the answer has the status of the last interim one.
func (b *buffers) readAnswer(t *talk) (a answer, err error) {
	var p parser
	for {
		var whole bool
		if b.in, a, whole, err = p.next(b.in); whole || err != nil {
			return a, err
		}
		if err = b.read(t); err != nil {
			return a, err
		}
	}
}

// read reads on, once. An error means that there was nothing.
func (b *buffers) read(t *talk) error {
	if len(b.in) == cap(b.in) {
		b.in = append(make([]byte, 0, max(2*cap(b.in), firstRead)), b.in...)
	}
	for {
		n, err := t.conn.Read(b.in[len(b.in):cap(b.in)])
		if b.in = b.in[:len(b.in)+n]; n > 0 {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
}

// talk is a connection on which an endpoint is asked, as long as ctx is not done.
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

// within bounds what follows; 0 is no bound.
func (t *talk) within(timeout time.Duration) {
	if setDeadline(t.conn, timeout); t.ctx.Err() != nil {
		t.cut()
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

// badAnswer is for an upstream that is not to be understood, or too slow.
func badAnswer(err error) error {
	if isTimeout(err) {
		return &refusal.Error{Status: http.StatusGatewayTimeout, Reason: refusal.Timeout, Rule: "upstream took too long to answer", Err: err}
	}
	return &refusal.Error{Status: http.StatusBadGateway, Reason: refusal.Answer, Rule: "upstream gave no valid answer to the upgrade", Err: upstream.Explain(err)}
}
