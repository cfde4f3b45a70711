package certstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"

	"usher/proxy/fleet/store"
)

const (
	// issueLock is what certmagic calls the lock for a name's certificate.
	issueLock = "issue_cert_"
	// attempts are what a node makes in a row before others may try: perhaps it is
	// the only one that the authority cannot reach.
	attempts = 2
	// handOver is for how long it leaves the lock to them at least.
	handOver = time.Minute
	// unlockTimeout is for locks that others would wait for.
	unlockTimeout = 2 * time.Second
)

var (
	errLost   = errors.New("the lock is another node's")
	errGiven  = fmt.Errorf("the lock is left to other nodes, as %d attempts have failed here", attempts)
	errNoLock = errors.New("there is no such lock here")
)

// lock is one that certmagic believes to have. It is guarded by Storage.mu.
type lock struct {
	token string    // "" while it is not ours
	until time.Time // when it is lost, if Redis does not say otherwise
	tried int       // attempts under it, see RenewLockLease
	again time.Time // when it may be taken again
}

// Lock implements certmagic.Locker.
func (s *Storage) Lock(ctx context.Context, name string) error {
	for {
		ok, err := s.TryLock(ctx, name)
		if ok || err != nil && !(errors.Is(err, store.ErrAway) && isPatient(ctx)) {
			return err
		}
		if err := sleep(ctx); err != nil {
			return err
		}
	}
}

// TryLock implements certmagic.TryLocker.
func (s *Storage) TryLock(ctx context.Context, name string) (bool, error) {
	name = certmagic.StorageKeys.Safe(name)
	l := &lock{}
	if ok, err := s.take(ctx, name, l); !ok || err != nil {
		return false, err
	}
	s.mu.Lock()
	s.held[name] = l
	s.mu.Unlock()
	return true, nil
}

// take makes l ours if the lock is free.
func (s *Storage) take(ctx context.Context, name string, l *lock) (bool, error) {
	token, until := rand.Text(), time.Now().Add(store.LockLife)
	ok, err := s.shared.Lock(ctx, name, token)
	if ok && err == nil {
		s.mu.Lock()
		l.token, l.until = token, until
		s.mu.Unlock()
	}
	return ok && err == nil, err
}

// Unlock implements certmagic.Locker. A lock that is lost is nobody's to free.
func (s *Storage) Unlock(ctx context.Context, name string) error {
	name = certmagic.StorageKeys.Safe(name)
	s.mu.Lock()
	token := ""
	if l := s.held[name]; l != nil {
		token = l.token
	}
	delete(s.held, name)
	s.mu.Unlock()
	if token == "" {
		return nil
	}
	return s.shared.Unlock(ctx, name, token)
}

// RenewLockLease implements certmagic.LockLeaseRenewer: it is asked before each
// attempt under a lock, and an error is the attempt's end. Run keeps the lock, so
// the lease has no length. certmagic would have the lock through days of attempts
// that fail: after some they are left to other nodes for a while.
func (s *Storage) RenewLockLease(ctx context.Context, name string, _ time.Duration) error {
	name = certmagic.StorageKeys.Safe(name)
	if err := patiently(ctx, 0, func() error { _, err := s.shared.Age(ctx); return err }); err != nil {
		return err // no order without Redis
	}
	s.mu.Lock()
	l := s.held[name]
	if l == nil {
		s.mu.Unlock()
		return errNoLock
	}
	token, give := l.token, l.token != "" && l.tried == attempts
	switch {
	case give:
		*l = lock{again: time.Now().Add(handOver)}
	case token != "":
		l.tried++
	case time.Now().Before(l.again):
		s.mu.Unlock()
		return errGiven
	default:
		l.tried = 1
	}
	s.mu.Unlock()
	switch {
	case give:
		return errors.Join(errGiven, s.shared.Unlock(ctx, name, token))
	case token != "":
		return s.keep(ctx, name)
	}
	if ok, err := s.take(ctx, name, l); !ok {
		return errors.Join(errLost, err)
	}
	return nil
}

// keep makes a lock last, or notes that it is lost.
func (s *Storage) keep(ctx context.Context, name string) error {
	s.mu.Lock()
	l := s.held[name]
	if l == nil || l.token == "" {
		s.mu.Unlock()
		return errLost
	}
	token, until := l.token, l.until
	s.mu.Unlock()
	next := time.Now().Add(store.LockLife)
	ours, err := s.shared.Keep(ctx, name, token)
	if ours && err == nil {
		until = next
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case l.token != token:
		return errLost // meanwhile
	case err != nil && time.Now().Before(until):
		return err
	case err != nil || !ours:
		l.token = ""
		s.log.Warn("certificates: lock lost: another node may go on with it", "lock", name)
		return errLost
	}
	l.until = until
	return nil
}

// guard returns what must hold for a file to be written or deleted. The files of
// a name's certificate belong together: without a lock of one's own they may be
// touched while nobody has it, and by who has lost it not at all.
func (s *Storage) guard(file string) (store.Guard, error) {
	parts := strings.Split(file, "/")
	if len(parts) < 3 || parts[0] != "certificates" {
		return store.Guard{}, nil
	}
	name := issueLock + parts[2]
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.held[name]
	if l == nil {
		return store.Guard{Lock: name}, nil
	}
	if l.token == "" {
		return store.Guard{}, errLost
	}
	return store.Guard{Lock: name, Token: l.token}, nil
}

// beat keeps all locks.
func (s *Storage) beat(ctx context.Context) {
	s.mu.Lock()
	names := slices.Collect(maps.Keys(s.held))
	s.mu.Unlock()
	for _, name := range names {
		s.keep(ctx, name) //nolint:errcheck // it is noted, and the next turn comes
	}
}

// release gives up the locks that are still held.
func (s *Storage) release() {
	ctx, cancel := context.WithTimeout(context.Background(), unlockTimeout)
	defer cancel()
	s.mu.Lock()
	left := s.held
	s.held = make(map[string]*lock)
	s.mu.Unlock()
	for name, l := range left {
		if l.token == "" {
			continue
		}
		if err := s.shared.Unlock(ctx, name, l.token); err != nil {
			s.log.Warn("certificates: lock not given up: it ends by itself", "lock", name, "error", err)
		}
	}
}
