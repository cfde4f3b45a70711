package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"

	"usher/proxy/config"
	"usher/proxy/socket"
)

// Endpoint is one address of an upstream.
type Endpoint struct {
	// Static after construction.
	Scheme   config.Scheme
	Address  string // host:port, or the path of a unix socket
	Identity string // upstream and address: the same in the pools of two files if the endpoint is
	network  string
	announce byte // version of the PROXY protocol; 0 for none
	settings *Settings

	dialTimeout atomic.Int64             // a time.Duration, that of the last file
	verify      atomic.Pointer[verifier] // likewise
	use         atomic.Int64             // sessions and requests under way
}

// String returns the endpoint as the routes file has it.
func (e *Endpoint) String() string {
	return endpointName(config.Endpoint{Scheme: e.Scheme, Address: e.Address})
}

func endpointName(c config.Endpoint) string {
	if c.Scheme == config.Unix {
		return "unix:" + c.Address
	}
	return string(c.Scheme) + "://" + c.Address
}

// Use returns how many picks of this endpoint have not been released.
func (e *Endpoint) Use() int { return int(e.use.Load()) }

// Release gives back what Pick counted. It is called once for each pick.
func (e *Endpoint) Release() {
	if e.use.Add(-1) < 0 {
		panic("upstream: endpoint released more often than picked")
	}
}

// DialError says that no connection to an endpoint came about. Its text has
// the endpoint's address and is for logs only.
type DialError struct {
	Endpoint *Endpoint
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
	return "dial " + e.Endpoint.Address + ": " + err.Error()
}

func (e *DialError) Unwrap() error { return e.Err }

// Timeout reports whether the endpoint was too slow, rather than unreachable.
func (e *DialError) Timeout() bool {
	ne, ok := errors.AsType[net.Error](e.Err)
	return ok && ne.Timeout() || errors.Is(e.Err, os.ErrDeadlineExceeded)
}

// Dial connects to the endpoint within the upstream's dial_timeout, TLS
// included. Any error is a *DialError.
func (e *Endpoint) Dial(ctx context.Context) (net.Conn, error) {
	if timeout := time.Duration(e.dialTimeout.Load()); timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	// Keep-alive is off as it costs system calls for each connection, and a
	// dead peer is found by ping_interval and by idle_timeout.
	conn, err := socket.Dial(ctx, e.network, e.Address)
	if err == nil && e.Announces() {
		err = e.sendClient(ctx, conn)
	}
	if err == nil && e.Scheme == config.HTTPS {
		conn, err = e.startTLS(ctx, conn)
	}
	if err != nil {
		return nil, &DialError{Endpoint: e, Err: err}
	}
	return conn, nil
}

func (e *Endpoint) startTLS(ctx context.Context, raw net.Conn) (net.Conn, error) {
	if e.settings.Wrap != nil {
		raw = e.settings.Wrap(raw)
	}
	host, _, err := net.SplitHostPort(e.Address)
	if err != nil {
		raw.Close()
		return nil, err
	}
	conn := tls.Client(raw, e.tlsConfig(host))
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}
