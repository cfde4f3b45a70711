package proxy

import (
	"errors"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"usher/proxy/admin"
	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/refusal"
	"usher/proxy/session"
)

// errNoReload is for a server whose routes do not come from a file.
var errNoReload = errors.New("there is no routes file to read again")

var errStopped = errors.New(refusal.ErrStopping.Rule)

// reloads count what came of them.
type reloads struct {
	done, refused atomic.Uint64
	failedAt      atomic.Int64             // when the last was refused, likewise
	last          atomic.Int64             // when the file was read that is served, in nanoseconds since 1970
	faults        atomic.Pointer[[]string] // of the last reload; nil if it was done
}

// ReloadStats is how often the routes file was read again.
type ReloadStats struct {
	Done    uint64
	Refused uint64    // nothing has changed
	Last    time.Time // when the file was read that is served
	Errors  []string  // why the last reload was refused, nil if it was not

	FailedAt time.Time // when it was, if it was
}

func (r *reloads) stats() ReloadStats {
	s := ReloadStats{Done: r.done.Load(), Refused: r.refused.Load(), Last: time.Unix(0, r.last.Load())}
	if faults := r.faults.Load(); faults != nil {
		s.Errors, s.FailedAt = *faults, time.Unix(0, r.failedAt.Load())
	}
	return s
}

// served notes that a file is served from now on.
func (r *reloads) served() {
	r.last.Store(time.Now().UnixNano())
	r.faults.Store(nil)
}

// ReloadFile reads the routes file again and serves it. If anything is wrong
// with it, nothing changes; the error says why, and so does the log.
func (s *Server) ReloadFile() error {
	_, err := s.reloadFile()
	return err
}

func (s *Server) reloadFile() (admin.Changes, error) {
	if s.Load == nil {
		return admin.Changes{}, errNoReload
	}
	s.Supervisor.Reloading()
	defer s.Supervisor.Ready()
	s.routesFile.Read()
	cfg, err := s.Load()
	if err == nil {
		return s.reload(cfg)
	}
	s.refuseReload(err)
	return admin.Changes{}, err
}

// Reload serves cfg from now on. Sessions stay whose route and endpoint are
// still there, also if their limits are others now: those are for new ones. If
// there is an error, nothing has changed.
func (s *Server) Reload(cfg *config.Config) error {
	_, err := s.reload(cfg)
	return err
}

func (s *Server) reload(cfg *config.Config) (admin.Changes, error) {
	s.succession.turn.Lock()
	defer s.succession.turn.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	changes, err := s.replace(cfg)
	if err != nil {
		s.refuseReload(err)
	}
	return changes, err
}

func (s *Server) refuseReload(err error) {
	var faults []string
	if list, ok := errors.AsType[config.Errors](err); ok {
		for _, one := range list {
			faults = append(faults, one.Error())
		}
	} else {
		faults = []string{err.Error()}
	}
	s.log.Error("reload refused, nothing has changed", "errors", faults)
	s.reloads.refused.Add(1)
	s.reloads.failedAt.Store(time.Now().UnixNano())
	s.reloads.faults.Store(&faults)
}

// replace serves cfg in place of what is live, or changes nothing.
func (s *Server) replace(cfg *config.Config) (changes admin.Changes, err error) {
	if s.stopping.Load() {
		return changes, errStopped
	}
	p, err := s.prepare(cfg, nil)
	if err != nil {
		return changes, err
	}
	next := s.commit(p)
	changes = s.report(p.old, next, p.listeners)
	changes.Sessions, changes.Legs = s.drainRemoved(p.old, next)
	s.keepDrains()
	s.reloads.done.Add(1)
	s.reloads.served()
	return changes, nil
}

// nextKeeper returns the certificates for next: those that are there, if the
// file says the same about them. Their files are watched anyway.
func (s *Server) nextKeeper(l *live, next *config.Config) (*certs.Keeper, error) {
	if l.certs != nil && sameTLS(l.cfg, next) {
		return l.certs, nil
	}
	k, err := certs.Open(next, s.log)
	if err == nil {
		s.fleet.share(k)
	}
	return k, err
}

// sameTLS compares what a keeper depends on, but for the places in the file.
func sameTLS(a, b *config.Config) bool {
	type tls struct {
		file   string
		tls    config.TLS
		listen []config.Listener
		issued []string // by the local authority for routes too
	}
	bare := func(c *config.Config) tls {
		t := tls{c.File, c.TLS, slices.Clone(c.Listen), c.Issued()}
		t.tls.H2WebSocket, t.tls.Handover = false, false // they are no matter of certificates
		t.tls.ACME.RootAt = config.Position{}
		t.tls.Certificates = slices.Clone(c.TLS.Certificates)
		for i := range t.tls.Certificates {
			one := &t.tls.Certificates[i]
			*one = config.Certificate{Cert: one.Cert, Key: one.Key}
		}
		for i := range t.listen {
			t.listen[i].Position, t.listen[i].ClientCAAt = config.Position{}, config.Position{}
		}
		return t
	}
	return reflect.DeepEqual(bare(a), bare(b))
}

// swapListeners serves ls, and no others. A client that is connected stays.
func (s *Server) swapListeners(ls *listeners) {
	for _, l := range ls.unused {
		l.Remove()
		if l.Given() != "" {
			s.log.Warn("the service manager still listens: disable its socket unit, or its clients wait", "address", l.Addr().String(), "name", l.Given())
		}
		s.log.Info("listening no more", "address", l.Addr().String())
	}
	if s.running {
		for _, l := range ls.changed {
			s.log.Info("listening otherwise", l.Attrs()...)
		}
		for _, l := range ls.opened {
			s.serve(l)
		}
	}
}

// drainRemoved ends the sessions that next does not serve, and returns how many
// there are, and how many others have a leg to what it does not have.
func (s *Server) drainRemoved(old, next *live) (sessions, legs int) {
	if !left(old, next) {
		return 0, 0
	}
	lost := endpointsOnly(old, next)
	for _, x := range s.sessions.Live() {
		if !next.serves(x) {
			sessions++
		} else if hasLeg(x, lost) {
			legs++
		}
	}
	d := drain(next.cfg, session.Drained, removed)
	s.namespaces.Lose(lost, d)
	gone := func(x *session.Session) bool { return !next.serves(x) }
	s.frames.Drain(d, gone)
	s.messages.Drain(d, gone)
	return sessions, legs
}

// removed is what a client is told whose route or endpoint is gone.
const removed = "usher does not serve this route any more"

// drainer is a relay.
type drainer interface {
	DrainSome(d session.Drain, some map[*session.Session]bool)
}

// recheck drains a session that has come to its relay after a reload, or an
// operator's order, that it should not have outlived: its handshake began
// before.
func (s *Server) recheck(x *session.Session, relay drainer) {
	now, only := s.live.Load(), map[*session.Session]bool{x: true}
	switch told := x.Dismissed(); {
	case told != nil:
		relay.DrainSome(*told, only)
	case !now.serves(x):
		relay.DrainSome(drain(now.cfg, session.Drained, removed), only)
	case s.drained(x):
		relay.DrainSome(drain(now.cfg, session.Drained, byOperator), only)
	}
}
