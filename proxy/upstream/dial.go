package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"usher/proxy/config"
	"usher/proxy/socket"
)

// Failure is a kind of failure to connect. The set is fixed: it is a metric
// label.
type Failure uint8

// The kinds of failure.
const (
	Refused     Failure = iota // nobody listens
	Timeout                    // dial_timeout, or the system's own
	Unreachable                // no way there
	Name                       // the host's name has no address
	TLS                        // the handshake of TLS, or its certificate
	Gone                       // the client went away meanwhile; not the endpoint's fault
	Local                      // usher has no descriptor or port left; not the endpoint's fault
	Other
	failureCount
)

// String returns the kind as it stands in logs and metrics.
func (f Failure) String() string {
	return [failureCount]string{"refused", "timeout", "unreachable", "name", "tls", "client_gone", "local", "other"}[f]
}

// DialError says that no connection to an endpoint came about. Its text has
// the endpoint's address and is for logs only.
type DialError struct {
	Endpoint *Endpoint
	Kind     Failure
	Err      error
}

func (e *DialError) Error() string {
	err := e.Err
	// net repeats the address, which already stands in front.
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		err = sys.Err
	}
	text := "dial " + e.Endpoint.Address + ": " + err.Error()
	if e.Kind == TLS {
		if what := advice(e.Err, e.Endpoint.unusual()); what != "" {
			text += ": " + what
		}
	}
	return text
}

func (e *DialError) Unwrap() error { return e.Err }

// Timeout reports whether the endpoint was too slow, rather than unreachable.
func (e *DialError) Timeout() bool { return isTimeout(e.Err) }

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout() || errors.Is(err, os.ErrDeadlineExceeded)
}

// kindOf returns the kind of a DialError.
func kindOf(err error) Failure {
	if failed, ok := errors.AsType[*DialError](err); ok {
		return failed.Kind
	}
	return Other
}

// Dial connects to the endpoint within the upstream's dial_timeout, TLS
// included. Any error is a *DialError.
func (e *Endpoint) Dial(ctx context.Context) (net.Conn, error) {
	return e.DialAddress(ctx, netip.Addr{})
}

// DialAddress is Dial for one of the addresses of the endpoint's name, or any
// if it is invalid.
func (e *Endpoint) DialAddress(ctx context.Context, at netip.Addr) (net.Conn, error) {
	return e.dialAddress(ctx, at, false)
}

// DialLeg is DialAddress for a connection that may become a session's leg.
func (e *Endpoint) DialLeg(ctx context.Context, at netip.Addr) (net.Conn, error) {
	return e.dialAddress(ctx, at, true)
}

func (e *Endpoint) dialAddress(ctx context.Context, at netip.Addr, leg bool) (net.Conn, error) {
	begin := time.Now()
	conn, secured, err := e.connect(ctx, at, leg)
	now := time.Now()
	if err != nil {
		return nil, e.failed(ctx, now, secured, err)
	}
	e.connected(now, now.Sub(begin))
	return conn, nil
}

func (e *Endpoint) connected(now time.Time, took time.Duration) {
	e.counts.connected(took)
	e.change(now, (*health).dialled)
}

// failed notes a failure to connect.
func (e *Endpoint) failed(ctx context.Context, now time.Time, secured bool, err error) *DialError {
	failed := e.dialError(ctx, secured, err)
	e.counts.failures[failed.Kind].Add(1)
	if failed.Kind != Gone && failed.Kind != Local {
		e.change(now, func(h *health) {
			h.fails(now, failed.Error())
			h.undialled(now, e.settings.random())
		})
	}
	return failed
}

// DialAgain is Dial for the server behind conn, which is a connection to e.
func (e *Endpoint) DialAgain(ctx context.Context, conn net.Conn) (net.Conn, error) {
	return e.DialAddress(ctx, e.Reached(conn.RemoteAddr()))
}

// Reached returns which of e's addresses a connection to peer has reached,
// invalid if it is all the same.
func (e *Endpoint) Reached(peer net.Addr) netip.Addr { return e.reached(peer).address }

// dialError is what connect returned as the caller gets it.
func (e *Endpoint) dialError(ctx context.Context, secured bool, err error) *DialError {
	failed := &DialError{Endpoint: e, Err: err}
	failed.Kind = failed.kind(ctx, secured)
	return failed
}

// kind tells what went wrong. secured is true if it was TLS; ctx is the
// caller's.
func (e *DialError) kind(ctx context.Context, secured bool) Failure {
	_, isName := errors.AsType[*net.DNSError](e.Err)
	is := func(list ...error) bool {
		for _, one := range list {
			if errors.Is(e.Err, one) {
				return true
			}
		}
		return false
	}
	switch {
	case ctx.Err() != nil:
		return Gone
	case is(syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL):
		return Local
	case e.Timeout():
		return Timeout
	case isName:
		return Name
	case secured:
		return TLS
	case is(syscall.ECONNREFUSED, syscall.ENOENT): // a unix socket's file may be gone
		return Refused
	case is(syscall.EHOSTUNREACH, syscall.ENETUNREACH):
		return Unreachable
	}
	return Other
}

// connect makes a connection. secured is true if an error is that of TLS.
func (e *Endpoint) connect(ctx context.Context, at netip.Addr, leg bool) (conn net.Conn, secured bool, err error) {
	ctx, cancel := e.bound(ctx)
	defer cancel()
	// Keep-alive is off as it costs system calls for each connection, and a
	// dead peer is found by ping_interval and by idle_timeout.
	conn, err = e.dialAt(ctx, at)
	if err == nil && e.Announces() {
		err = e.sendClient(ctx, conn)
	}
	if err == nil && e.Scheme == config.HTTPS {
		conn, err = e.startTLS(ctx, conn, leg && e.settings.Handover.Load())
		secured = err != nil
	}
	return conn, secured, err
}

// bound ends ctx with the upstream's dial_timeout.
func (e *Endpoint) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if timeout := time.Duration(e.dialTimeout.Load()); timeout > 0 {
		return context.WithTimeout(ctx, timeout)
	}
	return context.WithCancel(ctx)
}

// startTLS puts TLS on raw, in such a way that an event loop can take the
// socket from under it later, and if own, protect the records itself from then
// on: the tickets that come until then crypto/tls keeps for other connections.
func (e *Endpoint) startTLS(ctx context.Context, raw net.Conn, own bool) (net.Conn, error) {
	host, _, err := net.SplitHostPort(e.Address)
	if err != nil {
		raw.Close()
		return nil, err
	}
	under, config := socket.NewDetachable(raw), e.tlsConfig(host)
	if own {
		config.KeyLogWriter = under.Watch(true)
	}
	conn := tls.Client(under, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}

// dial connects to an address.
func (s *Settings) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if s.Dial != nil {
		return s.Dial(ctx, network, address)
	}
	return socket.Dial(ctx, network, address)
}
