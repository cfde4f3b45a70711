package front

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"usher/proxy/config"
	"usher/proxy/handover"
	"usher/proxy/proxyproto"
	"usher/proxy/relay"
	"usher/proxy/socket"
)

// Listener accepts clients and puts the layers on their connections that
// net/http reads through.
type Listener struct {
	net.Listener
	address string // as it stands in the routes file
	given   string // its name, if the service manager has opened it
	server  *Server
	timeout time.Duration
	log     *slog.Logger

	speech    atomic.Pointer[Speech]
	accepting *relay.Listening // nil before the server accepts
}

// Open opens a listener, or takes the one that was inherited. A client may take
// timeout for what it says before its first request.
func Open(want config.Listener, from *handover.Inheritance, timeout time.Duration, log *slog.Logger) (*Listener, error) {
	l := &Listener{address: want.Address, timeout: timeout, log: log}
	if s, ok := from.Take(want.Address); ok {
		l.Listener, l.given = s.Listener, s.Name
		return l, nil
	}
	var err error
	if path, ok := want.UnixPath(); ok {
		l.Listener, err = socket.ListenUnix(path, want.Mode)
	} else {
		l.Listener, err = socket.Listen(want.Address)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Is tells whether l is what the routes file calls address.
func (l *Listener) Is(address string) bool { return l.address == address }

// Given returns the name that the service manager has for l, "" if it has not
// opened it.
func (l *Listener) Given() string { return l.given }

// Speech returns how clients are spoken to, nil if nobody has said so yet.
func (l *Listener) Speech() *Speech { return l.speech.Load() }

// Speak has clients that come from now on be spoken to so. It reports whether
// that is news in the log.
func (l *Listener) Speak(how *Speech) (news bool) {
	old := l.speech.Swap(how)
	return old != nil && !slices.Equal(old.attrs(), how.attrs())
}

// SetMode has the file of a unix socket say who may use it. That of the service
// manager's is not usher's to change.
func (l *Listener) SetMode(want config.Listener) {
	unix, ok := l.Listener.(*socket.Unix)
	if !ok || l.given != "" {
		return
	}
	if err := unix.SetMode(want.Mode); err != nil {
		l.log.Warn("mode of a unix socket", "address", l.address, "error", err)
	}
}

// HandOn returns the socket for the process that takes this one's place.
func (l *Listener) HandOn() handover.Socket {
	return handover.NewSocket(l.Listener, l.address, l.given)
}

// Leave ends the listening here, not for others who have the socket too.
func (l *Listener) Leave() {
	socket.Leave(l.Listener)
	l.Remove()
}

// Remove ends the listening on purpose. Who was accepted is in flight then.
func (l *Listener) Remove() {
	if l.accepting != nil {
		l.accepting.Close()
	}
	l.Close()
}

// Accepted implements relay.Acceptor.
func (l *Listener) Accepted(s *relay.Seat) relay.Owner {
	c := &client{from: l, how: l.speech.Load()}
	if !c.count(s.RemoteAddr()) {
		return nil
	}
	if c.stage = c.saysNext(); proxyproto.Speaks(s.RemoteAddr(), c.how.Proxies) {
		c.stage = saysProxy
	}
	c.seat.Store(s)
	s.Wake(l.timeout)
	l.server.inflight.add(c, fresh)
	return c
}

// Troubled implements relay.Acceptor: the process is out of descriptors.
func (l *Listener) Troubled(err error) {
	l.note(slog.LevelWarn, "clients have to wait", "address", l.address, "error", err)
}

// Failed implements relay.Acceptor.
func (l *Listener) Failed(err error) { l.server.fail(err) }

// note has a line written to the log, for which a loop does not wait.
func (l *Listener) note(level slog.Level, message string, args ...any) {
	l.server.serving.Go(func() { l.log.Log(context.Background(), level, message, args...) }) //nolint:sloglint // the callers have constants
}

// url is where a client on this machine finds the listener.
func (l *Listener) url() string {
	if _, ok := l.Listener.(*socket.Unix); ok {
		return l.address
	}
	if l.speech.Load().TLS != nil {
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}

// Attrs are those of the line in the log that says what l does.
func (l *Listener) Attrs() []any {
	args := append([]any{"address", l.Addr().String(), "url", l.url()}, l.speech.Load().attrs()...)
	if l.given != "" {
		args = append(args, "inherited", l.given)
	}
	return args
}
