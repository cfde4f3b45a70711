package store

import (
	"context"

	"time"

	"github.com/redis/go-redis/v9"
)

// LockLife is for how long a lock is its owner's from Lock or Keep on: locks of
// one that dies are free then.
const LockLife = 15 * time.Second

// Lock takes a lock, if it is free, for whoever has the token.
func (s *Store) Lock(ctx context.Context, name, token string) (taken bool, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		taken, err = s.client.SetNX(ctx, s.lock(name), token, LockLife).Result()
		return err
	})
	if err == nil && !taken {
		return s.Keep(ctx, name, token) // the client may have sent it twice
	}
	return taken, err
}

var keep = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`)

// Keep tells whether the lock is still the token's, and makes it so for another
// LockLife.
func (s *Store) Keep(ctx context.Context, name, token string) (ours bool, err error) {
	n, err := s.run(ctx, keep, []string{s.lock(name)}, token, LockLife.Milliseconds())
	return n == 1, err
}

var unlock = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`)

// Unlock frees a lock if it is the token's.
func (s *Store) Unlock(ctx context.Context, name, token string) error {
	_, err := s.run(ctx, unlock, []string{s.lock(name)}, token)
	return err
}

func (s *Store) lock(name string) string { return s.prefix + "cert:l:" + name }
