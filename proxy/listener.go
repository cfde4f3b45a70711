package proxy

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/proxyproto"
	"usher/proxy/socket"
)

// listener accepts clients and puts the layers on their connections that
// net/http reads through.
type listener struct {
	net.Listener
	tls     *tls.Config    // nil if plain
	leads   bool           // to https: requests get no other answer
	h2      *h2Listener    // for who chooses HTTP/2
	proxies []netip.Prefix // peers that speak for others, by the PROXY protocol
	timeout time.Duration
	log     *slog.Logger
}

// listen opens all listeners of cfg, or none.
func listen(cfg *config.Config, keeper *certs.Keeper, log *slog.Logger) ([]*listener, error) {
	var all []*listener
	for _, want := range cfg.Listen {
		tcp, err := socket.Listen(want.Address)
		if err != nil {
			closeAll(all)
			return nil, fmt.Errorf("%s:%d:%d: %w", cfg.File, want.Line, want.Column, err)
		}
		l := &listener{Listener: tcp, leads: want.Redirect, proxies: want.ProxyProtocol, timeout: cfg.HandshakeTimeout, log: log}
		if want.TLS {
			l.tls = keeper.Config(want)
		}
		all = append(all, l)
	}
	return all, nil
}

func closeAll(all []*listener) {
	for _, l := range all {
		l.Close()
	}
}

// Accept returns the next client. TCP keep-alive is on by Go's default; when
// the process is out of descriptors net/http waits and comes back.
func (l *listener) Accept() (net.Conn, error) {
	tcp, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if len(l.proxies) > 0 {
		tcp = proxyproto.Accept(tcp, l.proxies, l.timeout, l.log)
	}
	if l.tls == nil {
		c := newConn(tcp)
		c.leads = l.leads
		return &c, nil
	}
	return newTLSConn(tcp, l.tls, l.h2, l.timeout, l.log), nil
}

// url is where a client on this machine finds the listener.
func (l *listener) url() string {
	if l.tls != nil {
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}
