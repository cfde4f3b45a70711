// Package certstore is certmagic's storage for a fleet: certificates and accounts
// are shared by a Redis, and the folder of each node is its last known copy.
//
// What is read comes from Redis, or, while that does not answer, from the folder.
// What is written goes to Redis first: an order is only made by who can keep what
// comes of it. All in Redis is sealed, and what belongs to a name's certificate
// is written by whoever has the lock for its issue, or not at all.
package certstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/certmagic"

	"usher/proxy/fleet/keys"
	"usher/proxy/fleet/store"
)

// Shared is what all nodes see; a store.Store is one.
type Shared interface {
	Read(ctx context.Context, name string) (store.File, error)
	Write(ctx context.Context, name string, value []byte, size int, g store.Guard) error
	Remove(ctx context.Context, name string, g store.Guard) error
	Names(ctx context.Context, folder string) ([]string, error)
	Lock(ctx context.Context, name, token string) (bool, error)
	Keep(ctx context.Context, name, token string) (bool, error)
	Unlock(ctx context.Context, name, token string) error
	Age(ctx context.Context) (string, error)
	Renew(ctx context.Context, age string) error
}

// Storage implements certmagic.Storage, TryLocker and LockLeaseRenewer. Run keeps
// its locks.
type Storage struct {
	// static after construction
	folder certmagic.Storage
	shared Shared
	seal   *sealer
	log    *slog.Logger

	settling sync.Mutex // held while the folder's copies are put back

	// guarded by mu
	mu   sync.Mutex
	held map[string]*lock // by certmagic's name, made safe
	age  string           // of the Redis that has had this folder's copies
}

// New returns the storage of a node: its folder, and what it shares.
func New(folder certmagic.Storage, shared Shared, ring *keys.Ring, log *slog.Logger) *Storage {
	s := &Storage{folder: folder, shared: shared, seal: newSealer(ring), log: log, held: make(map[string]*lock)}
	if age, err := folder.Load(context.Background(), ageFile); err == nil {
		s.age = string(age)
	}
	return s
}

// String names it in errors.
func (s *Storage) String() string { return "redis and " + fmt.Sprint(s.folder) }

// kept tells whether the folder has a copy of a file. Locks and challenges are of
// the moment, and so are certmagic's tests of the storage.
func kept(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return (first == "certificates" || first == "acme" || first == "ocsp") && !strings.Contains(name, "/challenge_tokens")
}

// ask has Redis answer, once more if it has lost what it knew. local tells that
// it cannot, or that nobody here can read what it says: the folder's answer counts.
func (s *Storage) ask(ctx context.Context, name string, do func() error) (local bool, err error) {
	err = do()
	if errors.Is(err, fs.ErrNotExist) && kept(name) && s.folder.Exists(ctx, name) {
		switch changed, sure := s.look(ctx); {
		case !sure:
			return true, nil
		case changed:
			err = do()
		}
	}
	if errors.Is(err, errSealed) && kept(name) && s.folder.Exists(ctx, name) {
		s.log.Warn("certificates: the copy in the folder counts", "file", name, "error", err)
		return true, err
	}
	return errors.Is(err, store.ErrAway) && kept(name), err
}

// Load implements certmagic.Storage.
func (s *Storage) Load(ctx context.Context, name string) ([]byte, error) {
	value, err := s.load(ctx, name)
	if err == nil && isCertificate(name) && !s.fits(ctx, name, value) {
		return nil, &fs.PathError{Op: "load", Path: name, Err: fs.ErrNotExist}
	}
	return value, err
}

func (s *Storage) load(ctx context.Context, name string) (value []byte, err error) {
	read := func() error {
		f, err := s.shared.Read(ctx, name)
		if err != nil {
			return err
		}
		value, err = s.seal.open(name, f.Value)
		return err
	}
	local, err := s.ask(ctx, name, read)
	if local {
		return s.folder.Load(ctx, name)
	}
	if err != nil || !kept(name) || s.hasCopy(ctx, name, value) {
		return value, err
	}
	// Another node may have put back what is older than the copy here.
	switch changed, sure := s.look(ctx); {
	case !sure:
		return value, nil
	case changed:
		if err := read(); err != nil {
			return nil, err
		}
	}
	s.copy(ctx, name, value)
	return value, nil
}

// hasCopy tells whether the folder has nothing else.
func (s *Storage) hasCopy(ctx context.Context, name string, value []byte) bool {
	now, err := s.folder.Load(ctx, name)
	return err == nil && bytes.Equal(now, value)
}

// copy brings the folder up to date.
func (s *Storage) copy(ctx context.Context, name string, value []byte) {
	if err := s.folder.Store(ctx, name, value); err != nil {
		s.log.Warn("certificates: no copy in the folder", "file", name, "error", err)
	}
}

// Store implements certmagic.Storage.
func (s *Storage) Store(ctx context.Context, name string, value []byte) error {
	sealed := s.seal.close(name, value)
	err := patiently(ctx, patienceFor(name), func() error {
		guard, err := s.guard(name)
		if err != nil {
			return err
		}
		return s.shared.Write(ctx, name, sealed, len(value), guard)
	})
	if err != nil {
		return fmt.Errorf("store %s: %w", name, err)
	}
	if kept(name) {
		s.copy(ctx, name, value)
	}
	return nil
}

// Delete implements certmagic.Storage.
func (s *Storage) Delete(ctx context.Context, name string) error {
	guard, err := s.guard(name)
	if err == nil {
		err = s.shared.Remove(ctx, name, guard)
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	if kept(name) {
		return s.folder.Delete(ctx, name)
	}
	return nil
}

// Exists implements certmagic.Storage. A certificate whose key is another's does
// not: it has to be ordered again.
func (s *Storage) Exists(ctx context.Context, name string) bool {
	if isCertificate(name) {
		_, err := s.Load(ctx, name)
		return err == nil
	}
	_, err := s.Stat(ctx, name)
	return err == nil
}

// Stat implements certmagic.Storage.
func (s *Storage) Stat(ctx context.Context, name string) (info certmagic.KeyInfo, err error) {
	local, err := s.ask(ctx, name, func() error {
		f, err := s.shared.Read(ctx, name)
		if !errors.Is(err, fs.ErrNotExist) {
			info = certmagic.KeyInfo{Key: name, Modified: f.Modified, Size: f.Size, IsTerminal: true}
			return err
		}
		below, e := s.shared.Names(ctx, name)
		if e != nil || len(below) == 0 {
			return cmp.Or(e, err)
		}
		info = certmagic.KeyInfo{Key: name}
		return nil
	})
	if local {
		return s.folder.Stat(ctx, name)
	}
	if err != nil {
		return certmagic.KeyInfo{}, err
	}
	return info, nil
}

// List implements certmagic.Storage.
func (s *Storage) List(ctx context.Context, folder string, recursive bool) (list []string, err error) {
	local, err := s.ask(ctx, folder, func() error {
		names, err := s.shared.Names(ctx, folder)
		if err == nil && len(names) == 0 {
			err = &fs.PathError{Op: "list", Path: folder, Err: fs.ErrNotExist}
		}
		list = entries(folder, names, recursive)
		return err
	})
	if local {
		return s.folder.List(ctx, folder, recursive)
	}
	return list, err
}

// entries are the files among names, which are sorted, and the folders that they
// are in: all below folder, or only what is in it itself.
func entries(folder string, names []string, recursive bool) []string {
	var list []string
	for _, name := range names {
		rest := strings.TrimPrefix(strings.TrimPrefix(name, folder), "/")
		for i, c := range rest + "/" {
			one := path.Join(folder, rest[:i])
			if c == '/' && !slices.Contains(list, one) {
				list = append(list, one)
			}
			if c == '/' && !recursive {
				break
			}
		}
	}
	return list
}
