package tls13_test

import (
	"io"
	"net"
	"sync"
	"time"
)

// cable is one direction of a connection in memory that takes everything.
type cable struct {
	mu   sync.Mutex
	more sync.Cond
	b    []byte
	over bool
}

func newCable() *cable {
	c := new(cable)
	c.more.L = &c.mu
	return c
}

// plug is one end of two cables.
type plug struct {
	net.Conn // nil: nobody asks for addresses
	in, out  *cable
}

func (p plug) Read(b []byte) (int, error) {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	for len(p.in.b) == 0 {
		if p.in.over {
			return 0, io.EOF
		}
		p.in.more.Wait()
	}
	n := copy(b, p.in.b)
	p.in.b = p.in.b[n:]
	return n, nil
}

func (p plug) Write(b []byte) (int, error) {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	p.out.b = append(p.out.b, b...)
	p.out.more.Signal()
	return len(b), nil
}

func (p plug) Close() error {
	for _, c := range []*cable{p.in, p.out} {
		c.mu.Lock()
		c.over = true
		c.more.Signal()
		c.mu.Unlock()
	}
	return nil
}

func (plug) SetDeadline(time.Time) error      { return nil }
func (plug) SetReadDeadline(time.Time) error  { return nil }
func (plug) SetWriteDeadline(time.Time) error { return nil }
