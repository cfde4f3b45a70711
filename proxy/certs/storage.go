package certs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

// unlockTimeout is for locks in the storage that others would wait for.
const unlockTimeout = 2 * time.Second

// storage is the folder for what is issued. It knows the locks that its user
// holds: certmagic knows those of the process alone, and there are two users of
// one folder while a reload replaces one by the other.
type storage struct {
	*certmagic.FileStorage

	mu   sync.Mutex
	held map[string]struct{} // names of locks; guarded by mu
}

func newStorage(dir string) *storage {
	return &storage{FileStorage: &certmagic.FileStorage{Path: dir}, held: make(map[string]struct{})}
}

// Lock implements certmagic.Locker.
func (s *storage) Lock(ctx context.Context, name string) error {
	err := s.FileStorage.Lock(ctx, name)
	if err == nil {
		s.hold(name)
	}
	return err
}

// TryLock implements certmagic.TryLocker.
func (s *storage) TryLock(ctx context.Context, name string) (bool, error) {
	ok, err := s.FileStorage.TryLock(ctx, name)
	if ok && err == nil {
		s.hold(name)
	}
	return ok, err
}

// Unlock implements certmagic.Locker.
func (s *storage) Unlock(ctx context.Context, name string) error {
	s.mu.Lock()
	delete(s.held, name)
	s.mu.Unlock()
	return s.FileStorage.Unlock(ctx, name)
}

func (s *storage) hold(name string) {
	s.mu.Lock()
	s.held[name] = struct{}{}
	s.mu.Unlock()
}

// release gives the locks up that are still held: others would wait for them
// until they are stale.
func (s *storage) release(log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), unlockTimeout)
	defer cancel()
	s.mu.Lock()
	left := s.held
	s.held = make(map[string]struct{})
	s.mu.Unlock()
	for name := range left {
		if err := s.FileStorage.Unlock(ctx, name); err != nil {
			log.Warn("lock in the storage", "lock", name, "error", err)
		}
	}
}
