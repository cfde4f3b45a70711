package store

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Advice returns what is unwise about Redis, "" if nothing is: one that throws
// away what it likes when it is full takes certificates too.
func (s *Store) Advice(ctx context.Context) (advice string, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		got, err := s.client.ConfigGet(ctx, "maxmemory-policy").Result()
		if refused, ok := errors.AsType[redis.Error](err); ok && !strings.HasPrefix(refused.Error(), "LOADING") {
			advice = "it could not be told whether redis throws certificates away when it is full, as CONFIG is not allowed: maxmemory-policy must be noeviction or volatile-..."
			return nil
		}
		if policy := got["maxmemory-policy"]; strings.HasPrefix(policy, "allkeys") {
			advice = "redis throws certificates away when it is full: maxmemory-policy is " + policy + " and must be noeviction or volatile-..."
		}
		return err
	})
	return advice, err
}
