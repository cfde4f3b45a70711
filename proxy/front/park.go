package front

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"usher/proxy/plain"
)

// Parked is a connection of HTTP/1.1 whose client waits for an answer that may
// take long. It was hijacked from net/http, and comes back to a loop with the
// answer.
type Parked struct {
	// static after construction
	conn   accepted
	server *Server
	woken  chan struct{} // holds one

	mu   sync.Mutex
	over bool // guarded by mu: nobody waits any more

	// owned by who waits
	header http.Header
	status int
	record plain.Record
	body   []byte
	early  []byte // has come of the next request
	keep   bool   // an answer was sent, and another may follow
}

// Park takes the connection of r from net/http, if that can be. A body that
// nobody has read would be taken for the next request.
func (s *Server) Park(w http.ResponseWriter, r *http.Request) (*Parked, bool) {
	if r.ContentLength != 0 || r.Close || r.ProtoAtLeast(2, 0) || !r.ProtoAtLeast(1, 1) {
		return nil, false
	}
	s.inflight.park() // until Done
	header := w.Header().Clone()
	plain.Change(w, header)
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.inflight.unpark()
		return nil, false
	}
	p := &Parked{conn: c.(accepted), server: s, woken: make(chan struct{}, 1), header: header}
	p.record = plain.Detach(w)
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Reader.Peek(n)
		p.early = bytes.Clone(early)
	}
	return p, true
}

// Wake has Wait return. It may be called from any goroutine, and does not block.
// It may come late: then it does not touch the connection.
func (p *Parked) Wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	select {
	case p.woken <- struct{}{}:
	default:
	}
	p.conn.SetReadDeadline(time.Unix(1, 0))
}

// Wait returns nil once Wake was called, or why the client is gone. A client that
// sends its next request already is not read further.
func (p *Parked) Wait() error {
	if len(p.early) > 0 {
		<-p.woken
		return nil
	}
	err := p.read()
	select {
	case <-p.woken:
		return nil
	default:
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// read waits for a byte of the next request.
func (p *Parked) read() error {
	var b [1]byte
	n, err := p.conn.Read(b[:])
	p.early = append(p.early, b[:n]...)
	if n > 0 {
		return nil
	}
	return err
}

// Header implements http.ResponseWriter.
func (p *Parked) Header() http.Header { return p.header }

// WriteHeader implements http.ResponseWriter.
func (p *Parked) WriteHeader(status int) { p.status = status }

// Write implements http.ResponseWriter.
func (p *Parked) Write(b []byte) (int, error) {
	p.body = append(p.body, b...)
	return len(b), nil
}

// FlushError sends the answer, which is complete: it has a Content-Length.
func (p *Parked) FlushError() error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nDate: %s\r\n", p.status, http.StatusText(p.status), time.Now().UTC().Format(http.TimeFormat))
	p.header.Write(&b) //nolint:errcheck // to memory
	b.WriteString("\r\n")
	b.Write(p.body)
	p.conn.SetWriteDeadline(time.Now().Add(idleTimeout))
	_, err := p.conn.Write(b.Bytes())
	p.record.Status, p.record.Head, p.record.Sent = p.status, time.Now(), int64(len(p.body))
	p.keep = err == nil && p.header["Connection"] == nil
	p.status, p.body, p.header = 0, nil, nil
	return err
}

// Done closes the connection, unless an answer went well: then it is on a loop
// when Done returns, and may serve further requests.
func (p *Parked) Done() {
	all := p.server.inflight
	defer all.unpark()
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
	failed := p.status != 0 && p.FlushError() != nil
	p.record.Note()
	if failed || !p.keep {
		p.conn.Close()
		return
	}
	p.conn.SetDeadline(time.Time{})
	below, held := p.conn.unwrap()
	c := p.conn.again()
	all.add(c, idle) // a server that stops does not wait for it
	p.server.seat(c, below, append(p.early, held...))
}
