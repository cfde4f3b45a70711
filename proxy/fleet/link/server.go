package link

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"usher/proxy/http2"
)

func (l *Link) newServer() *http2.Server {
	return http2.NewServer(http2.Config{
		Handler: l.config.Handler,
		Adapt:   adapt,
		Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadRequest)
		},
		ConnContext: l.config.ConnContext,
		ConnState: func(c net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				l.gone(c)
			}
		},
		ReadHeaderTimeout: patience,
		MaxHeaderBytes:    maxHead,
		MaxStreams:        maxStreams,
		StreamWindow:      streamWindow,
		ConnectionWindow:  connectionWindow,
		ErrorLog:          l.config.ErrorLog,
		WriteTimeout:      takeTimeout,
		PingInterval:      pingAfter,
		PingTimeout:       pingWait,
	})
}

// From returns the id of the node that has asked r.
func From(r *http.Request) string { return r.TLS.PeerCertificates[0].Subject.CommonName }

// serve serves the connections of who has proved to be a node.
func (l *Link) serve() {
	if err := l.http.Run(); !errors.Is(err, http.ErrServerClosed) {
		l.config.Log.Error("link of the fleet", "error", err)
	}
}

// accept takes whoever comes.
func (l *Link) accept() {
	for pause := time.Duration(0); ; {
		c, err := l.config.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // the process is out of descriptors
			pause = min(2*pause+time.Millisecond, time.Second)
			time.Sleep(pause)
			continue
		}
		pause = 0
		l.admit(c)
		l.running.Go(func() { l.greet(c) })
	}
}

// admit notes a connection that is to prove who it is. If there are too many, any of
// them is dropped: a node needs a moment and comes again, so that strangers who stay,
// or come ever again, do not keep it away.
func (l *Link) admit(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.greeting) == maxGreeting {
		for one := range l.greeting { // in no order
			one.Close()
			delete(l.greeting, one)
			break
		}
	}
	l.greeting[c] = struct{}{}
}

// greeted notes that a connection has proved who it is, or has not.
func (l *Link) greeted(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.greeting, c)
}

// greet has who comes prove to be a node, and hands him over.
func (l *Link) greet(c net.Conn) {
	ctx, cancel := context.WithTimeout(l.ctx, patience)
	defer cancel()
	t := tls.Server(c, l.identity.server())
	err := t.HandshakeContext(ctx)
	l.greeted(c)
	if err != nil {
		c.Close()
		l.noteStranger(c, err)
		return
	}
	id, _ := peerOf(t.ConnectionState()) // it was asked in the handshake
	one := http2.NewConn(t, true)
	l.enter(id, one)
	if !l.http.Hand(one) {
		l.gone(one)
		return
	}
	l.awake(id)
}

// noteStranger leaves a line once a minute.
func (l *Link) noteStranger(c net.Conn, err error) {
	now := time.Now().UnixNano()
	if last := l.strangers.Load(); now-last > int64(time.Minute) && l.strangers.CompareAndSwap(last, now) && l.ctx.Err() == nil {
		l.config.Log.Warn("link of the fleet: who came is no node", slog.String("peer", c.RemoteAddr().String()), slog.Any("error", err))
	}
}

// enter notes a connection of a node. Who has too many loses the oldest.
func (l *Link) enter(id string, c *http2.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := append(l.inside[id], c)
	for len(all) > maxEach {
		all[0].Close()
		all = slices.Delete(all, 0, 1)
	}
	l.inside[id] = all
}

func (l *Link) gone(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, all := range l.inside {
		all = slices.DeleteFunc(all, func(one *http2.Conn) bool { return net.Conn(one) == c })
		if l.inside[id] = all; len(all) == 0 {
			delete(l.inside, id)
		}
	}
}

// awake has a node be looked for that has come here: it is there.
func (l *Link) awake(id string) {
	for _, p := range l.all() {
		if name := p.named(); name == id || name == "" {
			p.greeted()
		}
	}
}
