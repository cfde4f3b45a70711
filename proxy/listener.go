package proxy

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/handover"
	"usher/proxy/proxyproto"
	"usher/proxy/socket"
)

// listener accepts clients and puts the layers on their connections that
// net/http reads through.
type listener struct {
	net.Listener
	address  string      // as it stands in the routes file
	given    string      // its name, if the service manager has opened it
	h2       *h2Listener // for who chooses HTTP/2
	unserved *unserved
	timeout  time.Duration
	log      *slog.Logger

	speech  atomic.Pointer[speech]
	removed atomic.Bool // by a reload, or as usher stops
}

// speech is how clients are spoken to that come from now on.
type speech struct {
	keeper  *certs.Keeper  // that tls is of
	tls     *tls.Config    // nil if plain
	leads   bool           // to https: requests get no other answer
	proxies []netip.Prefix // peers that speak for others, by the PROXY protocol
	names   []string       // that there are certificates for; nil if plain
	demand  bool           // certificates for other names may come

	websocket bool // by HTTP/2 too
}

// listeners are those of one routes file, and what sets them apart from those
// of the file before.
type listeners struct {
	wanted  []config.Listener
	all     []*listener // in the order of wanted
	opened  []*listener
	changed []*listener // of the file before, and speak otherwise now
	unused  []*listener // of the file before
}

// listen opens the listeners of cfg that are neither among the old ones nor
// inherited, or none.
func listen(cfg *config.Config, old []*listener, from *handover.Inheritance, log *slog.Logger) (*listeners, error) {
	ls := &listeners{wanted: cfg.Listen, unused: slices.Clone(old)}
	for _, want := range cfg.Listen {
		i := slices.IndexFunc(ls.unused, func(l *listener) bool { return l.address == want.Address })
		if i >= 0 {
			ls.all = append(ls.all, ls.unused[i])
			ls.unused = slices.Delete(ls.unused, i, i+1)
			continue
		}
		l := &listener{address: want.Address, timeout: cfg.HandshakeTimeout, log: log}
		if err := l.open(want, from); err != nil {
			closeAll(ls.opened)
			return nil, fmt.Errorf("%s:%d:%d: %w", cfg.File, want.Line, want.Column, err)
		}
		ls.all, ls.opened = append(ls.all, l), append(ls.opened, l)
	}
	return ls, nil
}

func (l *listener) open(want config.Listener, from *handover.Inheritance) (err error) {
	if s, ok := from.Take(want.Address); ok {
		l.Listener, l.given = s.Listener, s.Name
		return nil
	}
	if path, ok := want.UnixPath(); ok {
		l.Listener, err = socket.ListenUnix(path, want.Mode)
	} else {
		l.Listener, err = socket.Listen(want.Address)
	}
	return err
}

// speak has each listener speak as cfg says, with the certificates of keeper.
// One that has the keeper's already
// keeps them, and with them the keys of its session tickets.
func (ls *listeners) speak(keeper *certs.Keeper, cfg *config.Config) {
	names := certs.Names(cfg)
	for i, l := range ls.all {
		want, old := ls.wanted[i], l.speech.Load()
		how := &speech{leads: want.Redirect, proxies: want.ProxyProtocol, websocket: cfg.TLS.H2WebSocket}
		if want.TLS {
			how.names, how.demand = names, cfg.TLS.Ask != ""
		}
		switch {
		case !want.TLS:
		case old != nil && old.tls != nil && old.keeper == keeper:
			how.keeper, how.tls = keeper, old.tls
		default:
			how.keeper, how.tls = keeper, keeper.Config(want)
		}
		if l.speech.Store(how); old != nil && !slices.Equal(old.attrs(), how.attrs()) {
			ls.changed = append(ls.changed, l)
		}
		l.setMode(want)
	}
}

// setMode has the file of a unix socket say who may use it. That of the service
// manager's is not usher's to change.
func (l *listener) setMode(want config.Listener) {
	unix, ok := l.Listener.(*socket.Unix)
	if !ok || l.given != "" {
		return
	}
	if err := unix.SetMode(want.Mode); err != nil {
		l.log.Warn("mode of a unix socket", "address", l.address, "error", err)
	}
}

// handOn returns the socket for the process that takes this one's place.
func (l *listener) handOn() handover.Socket { return handOn(l.Listener, l.address, l.given) }

func handOn(l net.Listener, address, given string) handover.Socket {
	unix, ok := l.(*socket.Unix)
	return handover.Socket{Address: address, Name: given, Owned: ok && unix.Owned(), Listener: l}
}

// leave ends the listening here, not for others who have the socket too.
func (l *listener) leave() {
	leaveFile(l.Listener)
	l.close()
}

// close ends the listening on purpose.
func (l *listener) close() {
	l.removed.Store(true)
	l.Close()
}

// leaveFile has the file of a unix socket outlive l.
func leaveFile(l net.Listener) {
	if unix, ok := l.(*socket.Unix); ok {
		unix.Leave()
	}
}

func closeAll(all []*listener) {
	for _, l := range all {
		l.Close()
	}
}

// Accept returns the next client. TCP keep-alive is on by Go's default; when
// the process is out of descriptors net/http waits and comes back.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	how := l.speech.Load()
	if len(how.proxies) > 0 {
		c = proxyproto.Accept(c, how.proxies, l.timeout, l.log)
	}
	if how.tls != nil {
		return newTLSConn(c, how, l), nil
	}
	plain := newConn(c, l)
	plain.leads = how.leads
	return &plain, nil
}

// url is where a client on this machine finds the listener.
func (l *listener) url() string {
	if _, ok := l.Listener.(*socket.Unix); ok {
		return l.address
	}
	if l.speech.Load().tls != nil {
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}
