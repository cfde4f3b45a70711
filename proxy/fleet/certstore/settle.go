package certstore

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"usher/proxy/fleet/store"
)

const (
	// ageFile is where the folder notes which Redis has had its copies.
	ageFile = "fleet_age"
	// restoreLock has one node at a time put back what it has.
	restoreLock = "restore"
	// settleTimeout is for another node that does so.
	settleTimeout = 5 * time.Second
	// turn is how often locks are kept, and how soon it is noticed that Redis has
	// lost what it knew.
	turn = store.LockLife / 3
)

// Run keeps the locks, and puts back what Redis has lost, until ctx ends. Then it
// gives up the locks that are left.
func (s *Storage) Run(ctx context.Context) {
	defer s.release()
	t := time.NewTicker(turn)
	defer t.Stop()
	sealed := false
	for {
		s.beat(ctx)
		_, err := s.settle(ctx)
		if err == nil && !sealed {
			sealed = s.sealAnew(ctx) == nil
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// settle puts the folder's copies into a Redis that has not had them: it is new,
// or was emptied. changed tells that it was.
func (s *Storage) settle(ctx context.Context) (changed bool, err error) {
	age, err := s.shared.Age(ctx)
	if err != nil || s.knows(age) {
		return false, err
	}
	s.settling.Lock()
	defer s.settling.Unlock()
	if s.knows(age) {
		return true, nil // meanwhile
	}
	if err := s.lockWithin(ctx, restoreLock, settleTimeout); err != nil {
		return false, err
	}
	defer s.Unlock(context.WithoutCancel(ctx), restoreLock) //nolint:errcheck // it ends by itself
	if age, err = s.shared.Age(ctx); err != nil {
		return false, err
	}
	if err := s.putBack(ctx); err != nil {
		return false, err
	}
	if age == "" {
		age = rand.Text()
		if err := s.shared.Renew(ctx, age); err != nil {
			return false, err
		}
	}
	s.mu.Lock()
	s.age = age
	s.mu.Unlock()
	s.copy(ctx, ageFile, []byte(age))
	return true, nil
}

func (s *Storage) lockWithin(ctx context.Context, name string, long time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	return s.Lock(ctx, name)
}

func (s *Storage) knows(age string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return age != "" && age == s.age
}

// putBack writes what the folder has and Redis has not. Of two certificates for
// a name the one that ends later counts.
func (s *Storage) putBack(ctx context.Context) error {
	n := 0
	for _, root := range []string{"certificates", "acme"} {
		names, err := s.folder.List(ctx, root, true)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, name := range names {
			var done bool
			switch {
			case isCertificate(name):
				done, err = s.putSite(ctx, path.Dir(name), name)
			case root == "acme" && kept(name):
				done, err = s.putFile(ctx, name, store.Guard{Was: []byte{}})
			}
			if err != nil {
				return err
			}
			if done {
				n++
			}
		}
	}
	if n > 0 {
		s.log.Info("certificates: put into redis what the folder has", "certificates_and_accounts", n)
	}
	return nil
}

// putSite writes a certificate and what lies beside it, if Redis has none that
// is as good.
func (s *Storage) putSite(ctx context.Context, dir, crt string) (bool, error) {
	ours, err := s.folder.Load(ctx, crt)
	if err != nil {
		return false, err
	}
	key, err := s.folder.Load(ctx, keyOf(crt))
	if _, e := tls.X509KeyPair(ours, key); err != nil || e != nil || !endOf(ours).After(time.Now()) {
		return false, nil // it is no use to anybody
	}
	f, err := s.shared.Read(ctx, crt)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if theirs, e := s.seal.open(crt, f.Value); err == nil && (e != nil || !endOf(theirs).Before(endOf(ours))) {
		return false, nil
	}
	name := issueLock + path.Base(dir)
	token := rand.Text()
	if ok, err := s.shared.Lock(ctx, name, token); !ok || err != nil {
		return false, err // whoever has it writes one that is newer
	}
	defer s.shared.Unlock(context.WithoutCancel(ctx), name, token) //nolint:errcheck // it ends by itself
	for _, ext := range []string{".key", ".crt", ".json"} {
		if _, err := s.putFile(ctx, strings.TrimSuffix(crt, ".crt")+ext, store.Guard{Lock: name, Token: token}); err != nil {
			return false, err
		}
	}
	return true, nil
}

// putFile writes the folder's copy of a file, if there is one and the guard holds.
func (s *Storage) putFile(ctx context.Context, name string, g store.Guard) (bool, error) {
	if info, err := s.folder.Stat(ctx, name); err != nil || !info.IsTerminal {
		return false, nil
	}
	value, err := s.folder.Load(ctx, name)
	if err != nil {
		return false, err
	}
	err = s.shared.Write(ctx, name, s.seal.close(name, value), len(value), g)
	if errors.Is(err, store.ErrFenced) {
		return false, nil
	}
	return err == nil, err
}

// sealAnew seals what the secret before has sealed, so that it can be left out of
// the file some day. What changes meanwhile is sealed by whoever changes it.
func (s *Storage) sealAnew(ctx context.Context) error {
	if len(s.seal.all) == 1 {
		return nil
	}
	names, err := s.shared.Names(ctx, "")
	if err != nil {
		return err
	}
	for _, name := range names {
		f, err := s.shared.Read(ctx, name)
		if errors.Is(err, store.ErrAway) {
			return err
		}
		value, now, e := s.seal.openBy(name, f.Value)
		if err != nil || e != nil || now {
			continue
		}
		err = s.shared.Write(ctx, name, s.seal.close(name, value), len(value), store.Guard{Was: f.Value})
		if err != nil && !errors.Is(err, store.ErrFenced) {
			return err
		}
	}
	return nil
}
