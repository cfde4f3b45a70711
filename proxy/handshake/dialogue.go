package handshake

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"usher/proxy/refusal"
	"usher/proxy/upstream"
	"usher/proxy/ws"
)

// question is what an endpoint is asked, and how.
type question struct {
	half        half
	plain       bool          // as a plain request, and not for an upgrade
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

// dialogue is what is said with an endpoint over one connection, without I/O: a
// question goes out, and what comes back is taken until there is a reply or an
// error. Whoever has the connection passes the time in.
type dialogue struct {
	question
	buffers *buffers // static from begin on
	key     string
	stage   stage
	parser  parser
	due     time.Time // when expire is to be called; zero for never

	// once over
	reply reply // in buffers.in stands the head of its answer, and what was read behind it
	err   error
}

// stage is what a dialogue waits for.
type stage uint8

const (
	atAnswer  stage = iota // the head of an answer
	atOpening              // what a server says behind its 101
	atRecant               // the rest of the answer that takes a 101 back
	atBody                 // the beginning of the body of a plain answer
	atEnd                  // nothing more
)

// begin begins anew with q, and returns what is to be written.
func (d *dialogue) begin(now time.Time, q question, b *buffers) []byte {
	*d = dialogue{question: q, buffers: b}
	b.in = b.in[:0]
	if q.plain {
		b.out = q.half.appendPlain(b.out[:0])
	} else {
		d.key = newKey()
		b.out = q.half.appendUpgrade(b.out[:0], d.key, q.traceparent)
	}
	d.within(now, q.timeout)
	return b.out
}

// within bounds what is waited for next; 0 is no bound.
func (d *dialogue) within(now time.Time, timeout time.Duration) {
	if d.due = (time.Time{}); timeout > 0 {
		d.due = now.Add(timeout)
	}
}

func (d *dialogue) over() bool { return d.stage == atEnd }

// take goes on with what has come, and reports whether the dialogue is over.
func (d *dialogue) take(now time.Time, p []byte) (over bool) {
	d.buffers.in = append(d.buffers.in, p...)
	switch d.stage {
	case atAnswer, atRecant:
		d.takeAnswer(now)
	case atOpening:
		d.takeOpening(now)
	case atBody:
		d.takeBody()
	case atEnd:
	}
	return d.over()
}

// lost says that nothing more comes, and why.
func (d *dialogue) lost(err error) {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	switch {
	case d.stage == atOpening && d.opening == openingBrief:
		d.end(nil) // who has nothing to say may say it to the relay
	case d.stage == atOpening:
		d.end(fmt.Errorf("nothing behind the 101: %w", err))
	case d.stage == atBody:
		d.end(d.judge())
	default:
		d.end(err)
	}
}

// expire says that the time which is due has come.
func (d *dialogue) expire() { d.lost(os.ErrDeadlineExceeded) }

func (d *dialogue) end(err error) {
	switch {
	case err != nil && d.stage == atRecant:
		err = badAnswer(errors.Join(ws.ErrAnswer, err))
	case err != nil && !d.plain:
		err = badAnswer(err)
	}
	d.reply.heard = len(d.buffers.in) > 0 || d.reply.status != 0
	d.stage, d.due, d.err = atEnd, time.Time{}, err
}

// takeAnswer looks for the head of an answer in what was read.
func (d *dialogue) takeAnswer(now time.Time) {
	var whole bool
	var err error
	d.buffers.in, d.reply.answer, whole, err = d.parser.next(d.buffers.in)
	switch {
	case err != nil:
		d.end(err)
	case !whole:
	case d.plain:
		d.stage = atBody
		d.takeBody()
	case d.stage == atRecant || d.reply.status != http.StatusSwitchingProtocols:
		d.end(nil)
	default:
		d.verify(now)
	}
}

// verify looks at a 101, and has what comes behind it be waited for, as far as
// that is wanted.
func (d *dialogue) verify(now time.Time) {
	var err error
	if d.reply.agreed, err = d.reply.verify(d.key, d.half.offer); err != nil {
		d.end(err)
		return
	}
	switch {
	case len(d.buffers.in) > d.reply.head:
		d.takeOpening(now)
	case d.opening == openingLeft:
		d.end(nil)
	case d.opening == openingBrief:
		d.stage = atOpening
		d.within(now, openPause)
	default:
		d.stage = atOpening
		d.within(now, d.timeout)
	}
}

// takeOpening looks at what is behind a 101, which may take it back.
func (d *dialogue) takeOpening(now time.Time) {
	b := d.buffers
	if !recants(b.in[d.reply.head:]) {
		d.end(nil)
		return
	}
	b.in = b.in[:copy(b.in, b.in[d.reply.head:])]
	d.reply.recanted, d.stage, d.parser = true, atRecant, parser{}
	d.within(now, d.timeout)
	d.takeAnswer(now)
}

// badAnswer is for an upstream that is not to be understood, or too slow.
func badAnswer(err error) error {
	if isTimeout(err) {
		return &refusal.Error{Status: http.StatusGatewayTimeout, Reason: refusal.Timeout, Rule: "upstream took too long to answer", Err: err}
	}
	return &refusal.Error{Status: http.StatusBadGateway, Reason: refusal.Answer, Rule: "upstream gave no valid answer to the upgrade", Err: upstream.Explain(err)}
}
