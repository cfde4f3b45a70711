package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"usher/proxy/admin"
	"usher/proxy/config"
	"usher/proxy/front"
	"usher/proxy/handover"
	"usher/proxy/metrics"
	"usher/proxy/socket"
)

// Bounds of the operators' address, where orders and answers are small.
const (
	operatorTimeout = 30 * time.Second // for a request, and for an answer
	operatorIdle    = 2 * time.Minute  // without a request
	operatorHead    = 16 << 10
	operatorMode    = 0o600 // of a unix socket
)

// ErrAdmin is in each error of listening at the operators' address, as others
// are of listen.
var ErrAdmin = errors.New("admin")

// operators serves the operators' address, as long as the routes file has one.
type operators struct {
	// static after construction
	http    *http.Server
	handler *admin.Handler

	listener *operatorListener // nil for none; guarded by the server's mu
}

// operatorListener is one address of operators.
type operatorListener struct {
	net.Listener
	address string      // as it stands in the routes file
	given   string      // its name, if the service manager has opened it
	removed atomic.Bool // by a reload, or as usher stops
}

func newOperators(s *Server) *operators {
	handler := admin.NewHandler(admin.Handler{Broker: desk{s}, Log: s.log, Metrics: metrics.NewHandler(desk{s}.source()), Page: admin.Page()})
	return &operators{
		handler: handler,
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: operatorTimeout / 3,
			ReadTimeout:       operatorTimeout,
			WriteTimeout:      operatorTimeout,
			IdleTimeout:       operatorIdle,
			MaxHeaderBytes:    operatorHead,
			ErrorLog:          front.ErrorLog(s.log),
		},
	}
}

// next returns the listener for cfg: the one that is there, if its address is
// the same, one that was inherited, or another; nil for none.
func (o *operators) next(cfg *config.Config, from *handover.Inheritance) (*operatorListener, error) {
	want := cfg.Admin
	if o.listener != nil && o.listener.address == want.Address {
		return o.listener, nil
	}
	if want.Address == "" {
		return nil, nil
	}
	if s, ok := from.Take(want.Address); ok {
		return &operatorListener{Listener: s.Listener, address: want.Address, given: s.Name}, nil
	}
	var l net.Listener
	var err error
	if path, ok := strings.CutPrefix(want.Address, "unix:"); ok {
		l, err = socket.ListenUnix(path, operatorMode)
	} else {
		l, err = net.Listen("tcp", want.Address)
	}
	if err != nil {
		return nil, fmt.Errorf("%s:%d:%d: %w: %w", cfg.File, want.Line, want.Column, ErrAdmin, err)
	}
	return &operatorListener{Listener: l, address: want.Address}, nil
}

// swap serves l, nil for none, and the one before no more. Requests that are
// under way there end.
func (o *operators) swap(s *Server, l *operatorListener) {
	if l == o.listener {
		return
	}
	if old := o.listener; old != nil {
		old.close()
		s.log.Info("operators' address closed", "address", old.shown())
	}
	o.listener = l
	if s.running {
		o.serve(s)
	}
}

// serve serves the listener, if there is one.
func (o *operators) serve(s *Server) {
	if l := o.listener; l != nil {
		s.log.Info("operators' address", "address", l.shown())
		s.serving.Go(func() {
			if err := o.http.Serve(l); !errors.Is(err, http.ErrServerClosed) && !l.removed.Load() {
				select {
				case s.failed <- err:
				default: // another has failed before
				}
			}
		})
	}
}

// shown is the address with the port that it has got.
func (l *operatorListener) shown() string {
	if strings.HasPrefix(l.address, "unix:") {
		return l.address
	}
	return l.Addr().String()
}

// handOn returns the socket for the process that takes this one's place, and
// leave ends the listening here alone.
func (l *operatorListener) handOn() handover.Socket {
	return handover.NewSocket(l.Listener, l.address, l.given)
}

func (l *operatorListener) leave() {
	if l != nil {
		socket.Leave(l.Listener)
		l.close()
	}
}

func (l *operatorListener) close() {
	if l != nil {
		l.removed.Store(true)
		l.Close()
	}
}

// stop ends all of it; nobody waits long for an operator.
func (o *operators) stop() {
	o.listener.close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if o.http.Shutdown(ctx) != nil {
		o.http.Close()
	}
}

// AdminAddress returns where operators are served, "" for nowhere.
func (s *Server) AdminAddress() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.operators.listener == nil {
		return ""
	}
	return s.operators.listener.shown()
}
