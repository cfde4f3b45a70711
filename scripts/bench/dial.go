//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// dialer opens WebSocket connections, blocking and with as few system calls as
// it takes.
type dialer struct {
	address unix.SockaddrInet4
	tls     *tls.Config // nil for none
	head    string      // lines of the request on top
	greets  bool        // the server speaks first
	resumes bool        // sessions of TLS
}

// The key is a constant: it is not what is measured.
const clientKey = "dXNoZXIgbWVhc3VyZXMhIQ=="

func newDialer(address string, config *tls.Config) (*dialer, error) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ip := net.ParseIP(name).To4()
	n, err := strconv.Atoi(port)
	if err != nil || ip == nil {
		return nil, fmt.Errorf("address %q: want IPv4 and port", address)
	}
	return &dialer{address: unix.SockaddrInet4{Port: n, Addr: [4]byte(ip)}, tls: config}, nil
}

// link is an open connection.
type link struct {
	raw *rawConn
	tls *tls.Conn // nil for none

	early []byte // what the server sent right behind its 101
}

func (k *link) Read(p []byte) (int, error) {
	if k.tls != nil {
		return k.tls.Read(p)
	}
	return k.raw.Read(p)
}

func (k *link) Write(p []byte) (int, error) {
	if k.tls != nil {
		return k.tls.Write(p)
	}
	return k.raw.Write(p)
}

func (k *link) Close() error {
	if k.tls != nil {
		return k.tls.Close()
	}
	return k.raw.Close()
}

// dial opens one connection to path. buf is scratch.
func (d *dialer) dial(path string, buf []byte) (*link, error) {
	k, err := d.connect()
	if err != nil {
		return nil, err
	}
	if err := k.upgrade(path, d.head, buf, d.greets); err != nil {
		k.raw.Close()
		return nil, err
	}
	return k, nil
}

// connect opens one connection, with TLS if that is asked for.
func (d *dialer) connect() (*link, error) {
	raw, err := dialRaw(d.address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	k := &link{raw: raw}
	if d.tls == nil {
		return k, nil
	}
	k.tls = tls.Client(raw, d.tls)
	if err = k.tls.Handshake(); err == nil {
		err = checkEquivalent(k.tls.ConnectionState(), d.resumes)
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	return k, nil
}

var answerWanted = []byte("sec-websocket-accept: " + strings.ToLower(acceptKey(clientKey)))

// upgrade sends the request and checks the answer.
func (k *link) upgrade(path, head string, buf []byte, greets bool) error {
	request := append(buf[:0], "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: "+clientKey+"\r\nSec-WebSocket-Version: 13\r\n"+head+"\r\n"...)
	if _, err := k.Write(request); err != nil {
		return fmt.Errorf("send the request: %w", err)
	}
	n := 0
	for {
		m, err := k.Read(buf[n:])
		if err != nil {
			return fmt.Errorf("wait for 101: %w", err)
		}
		n += m
		end := bytes.Index(buf[:n], []byte("\r\n\r\n"))
		switch {
		case end < 0 && n == len(buf):
			return fmt.Errorf("answer's head is longer than %d bytes", n)
		case end < 0:
			continue
		case !bytes.HasPrefix(buf, []byte("HTTP/1.1 101 ")) || !bytes.Contains(bytes.ToLower(buf[:end]), answerWanted):
			return fmt.Errorf("answer %q, want 101 with the right key", buf[:min(end, 200)])
		case end+4 < n && greets:
			k.early = bytes.Clone(buf[end+4 : n])
		case end+4 < n:
			return fmt.Errorf("%d bytes behind the 101 before any was asked for", n-end-4)
		}
		return nil
	}
}

// atATime is how many connections are being opened at once.
const atATime = 16

// many opens n connections and hands each to use, some at a time. It stops at
// the first error. use runs on several goroutines.
func (d *dialer) many(ctx context.Context, n int, path string, use func(i int, k *link) error) error {
	return d.each(ctx, n, func(i int) error {
		k, err := d.dial(path, make([]byte, 4096))
		if err == nil {
			err = use(i, k)
		}
		return err
	})
}

// each calls f for every number below n, some at a time, until one fails.
func (d *dialer) each(ctx context.Context, n int, f func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(atATime, n) {
		group.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(i); err != nil {
					cancel(fmt.Errorf("connection %d: %w", i+1, err))
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
