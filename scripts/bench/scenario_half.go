//go:build linux

package main

import (
	"crypto/tls"
	"net"
	"time"
)

// half opens connections and sends half of what should come first. Memory is
// what they added to the proxy that had none.
type half struct {
	connections int
	first       func(t *trial) ([]byte, error)
}

// halfWait is how long a proxy has to read what came: less than any of them
// waits for the rest.
const halfWait = 3 * time.Second

func (h half) run(t *trial) ([]value, error) {
	if err := (idle{h.connections}).checkLimit(); err != nil {
		return nil, err
	}
	first, err := h.first(t)
	if err != nil {
		return nil, err
	}
	before, err := t.resident()
	if err != nil {
		return nil, err
	}
	open := make([]*rawConn, h.connections)
	defer func() {
		for _, c := range open {
			if c != nil {
				c.Close()
			}
		}
	}()
	err = t.dialer.each(t.ctx, h.connections, func(i int) (err error) {
		if open[i], err = dialRaw(t.dialer.address); err == nil {
			_, err = open[i].Write(first)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(halfWait):
	case <-t.ctx.Done():
		return nil, t.ctx.Err()
	}
	after, err := t.resident()
	if err != nil {
		return nil, err
	}
	return []value{{perHalf, float64(after-before) / kib / float64(h.connections)}}, nil
}

func halfHead(*trial) ([]byte, error) {
	return []byte("GET " + pathEcho + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: half\r\nUpgr"), nil
}

// halfHello is the first half of the hello that the dialer would send.
func halfHello(t *trial) ([]byte, error) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	over := make(chan struct{})
	go func() {
		defer close(over)
		tls.Client(ours, t.dialer.tls).Handshake() //nolint:errcheck // nobody answers
	}()
	hello := make([]byte, 4096)
	n, err := theirs.Read(hello)
	ours.Close()
	<-over
	return hello[:n/2], err
}
