package certstore

import (
	"context"
	"crypto/rand"
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
	// passing is for how long a challenge, or a test of the storage, can be of use.
	passing   = 24 * time.Hour
	tidyEvery = 24 * time.Hour
)

// Run keeps the locks, and puts back what Redis has lost, until ctx ends. Then it
// gives up the locks that are left.
func (s *Storage) Run(ctx context.Context) {
	defer s.release()
	t := time.NewTicker(turn)
	defer t.Stop()
	var tidied time.Time
	for {
		s.beat(ctx)
		if _, err := s.settle(ctx); err == nil && time.Since(tidied) > tidyEvery && s.tidy(ctx) == nil {
			tidied = time.Now()
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

// look is settle for a reader, who goes on with the folder unless it is sure.
func (s *Storage) look(ctx context.Context) (changed, sure bool) {
	changed, err := s.settle(ctx)
	return changed, err == nil
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
	if !s.usable(ctx, crt, ours) {
		return false, nil
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

// usable tells whether anybody could be shown the folder's certificate.
func (s *Storage) usable(ctx context.Context, crt string, text []byte) bool {
	key, err := s.folder.Load(ctx, keyOf(crt))
	return err == nil && isPair(text, key) && endOf(text).After(time.Now())
}

// putFile writes the folder's copy of a file, if there is one and the guard holds.
func (s *Storage) putFile(ctx context.Context, name string, g store.Guard) (bool, error) {
	if !s.hasFile(ctx, name) {
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

func (s *Storage) hasFile(ctx context.Context, name string) bool {
	info, err := s.folder.Stat(ctx, name)
	return err == nil && info.IsTerminal
}

// tidy seals anew what the secret before has sealed, so that this can be left out
// of the file some day, and removes what nodes have left behind that were killed.
func (s *Storage) tidy(ctx context.Context) error {
	names, err := s.shared.Names(ctx, "")
	if err != nil {
		return err
	}
	for _, name := range names {
		if kept(name) && len(s.seal.all) == 1 {
			continue
		}
		f, err := s.shared.Read(ctx, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case kept(name):
			err = s.sealAnew(ctx, name, f.Value)
		case time.Since(f.Modified) > passing:
			err = s.shared.Remove(ctx, name, store.Guard{})
		}
		if errors.Is(err, store.ErrAway) {
			return err
		}
	}
	return nil
}

// sealAnew does so unless the file changes meanwhile: then whoever changes it does.
func (s *Storage) sealAnew(ctx context.Context, name string, sealed []byte) error {
	value, now, err := s.seal.openBy(name, sealed)
	if err != nil || now {
		return err
	}
	return s.shared.Write(ctx, name, s.seal.close(name, value), len(value), store.Guard{Was: sealed})
}
