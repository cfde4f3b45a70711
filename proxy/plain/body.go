package plain

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"usher/proxy/config"
	"usher/proxy/refusal"
)

// body is that of a request, as far as it may come.
type body struct {
	io.ReadCloser
	exchange *Exchange
	cancel   context.CancelCauseFunc // of the request
	reads    Watchdog
	ended    atomic.Bool  // it was read to its end
	come     atomic.Int64 // bytes

	mu   sync.Mutex // held by who reads
	read int64      // bytes; guarded by mu
	over bool       // nobody may read any more; guarded by mu
}

// errOver is for who reads behind the answer.
var errOver = errors.New("request is over")

// Read implements io.Reader. Behind a body that is too long who reads on gets
// the rest, to drop it.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return 0, errOver
	}
	limits, before := b.exchange.by.Limits, b.read
	b.reads.Watch(limits.BodyTimeout)
	n, err := b.ReadCloser.Read(p)
	late := b.reads.Rest()
	b.read += int64(n)
	b.come.Add(int64(n))
	switch most := limits.MaxBody; {
	case most > 0 && before <= most && b.read > most:
		return int(most - before), tooLong(most)
	case errors.Is(err, io.EOF):
		b.ended.Store(true)
	case late && errors.Is(err, os.ErrDeadlineExceeded):
		return n, b.slow()
	}
	return n, err
}

// end has nobody read any more, not even who is about to: net/http would end that
// itself, and then forget the deadline for what it reads on its own.
func (b *body) end() {
	_ = b.exchange.control.SetReadDeadline(past) // fails if the connection is gone
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

// giveUp ends a read. As that fails, net/http has the request be cancelled without
// a cause.
func (b *body) giveUp() {
	b.cancel(b.slow())
	_ = b.exchange.control.SetReadDeadline(past) // fails if the connection is gone
}

func (b *body) slow() error {
	return refusal.New(http.StatusRequestTimeout, refusal.Body, "nothing of the request's body came for %v", b.exchange.by.Limits.BodyTimeout)
}

// Check refuses a request whose body says itself that it is too long.
func Check(r *http.Request, limits *config.Limits) error {
	if limits.MaxBody > 0 && r.ContentLength > limits.MaxBody {
		return tooLong(limits.MaxBody)
	}
	return nil
}

func tooLong(most int64) error {
	e := refusal.New(http.StatusRequestEntityTooLarge, refusal.Body, "body is beyond %d bytes", most)
	e.Hint = "max_body of the route"
	return e
}
