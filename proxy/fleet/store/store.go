// Package store is what the nodes of a fleet share, in a Redis or Valkey: files
// and locks. It is the one package that knows the client.
//
// Nothing here is asked on the path of a socket. A call takes no longer than
// half a second. When three have had no answer, calls fail at once, and one is
// let through from time to time; whoever calls goes on with what it has.
package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"usher/proxy/config"
)

const (
	dialTimeout = time.Second
	callTimeout = 500 * time.Millisecond
	connections = 8
)

// ErrAway says that Redis does not answer, or cannot serve anybody.
var ErrAway = errors.New("redis does not answer")

// ErrFenced says that nothing was written, as the guard of the write does not
// hold any more.
var ErrFenced = errors.New("somebody else has the lock, or has written")

// Store is the Redis of a fleet.
type Store struct {
	// static after construction
	client  redis.UniversalClient
	prefix  string // of all keys: one slot of a cluster
	log     *slog.Logger
	breaker breaker
}

// New returns the store that r names for the fleet of that name. secure is for
// its TLS, nil without. Nothing is dialled before the first call.
func New(r config.Redis, name string, secure *tls.Config, log *slog.Logger) *Store {
	logging.Disable() // the client's own, to standard error: what counts comes as an error
	return &Store{client: redis.NewUniversalClient(options(r, secure)), prefix: "{usher:" + name + "}:", log: log}
}

func options(r config.Redis, secure *tls.Config) *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Addrs: r.Addresses, DB: r.Database, Username: r.Username, Password: r.Password, Dialer: dialler(secure),
		MasterName: r.Master, SentinelPassword: r.SentinelPassword, IsClusterMode: r.Kind == config.RedisCluster,

		DialTimeout: dialTimeout, DialerRetries: 1, ReadTimeout: callTimeout, WriteTimeout: callTimeout, PoolTimeout: callTimeout,
		ContextTimeoutEnabled: true, MaxRetries: 1, PoolSize: connections, MaxActiveConns: connections,
		DisableIdentity: true,

		// A cloud's notices, for which each connection would ask.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// Close ends all connections. Calls that are under way fail.
func (s *Store) Close() { s.client.Close() }

// Away returns since when there has been no answer; zero if there is one.
func (s *Store) Away() time.Time { return s.breaker.since() }

// call does one thing within the time that it may take. What has no answer is an
// ErrAway.
func (s *Store) call(ctx context.Context, do func(ctx context.Context) error) error {
	if !s.breaker.allow(time.Now()) {
		return ErrAway
	}
	bounded, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := do(bounded)
	switch {
	case answered(err):
		if away := s.breaker.pass(time.Now()); away > 0 {
			s.log.Info("redis answers again", "away_for", away.Round(time.Millisecond))
		}
		return err
	case ctx.Err() != nil:
		s.breaker.drop()
		return ctx.Err()
	}
	if s.breaker.fail(time.Now()) {
		s.log.Warn("redis does not answer: this node goes on with what it has", "error", err)
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// answered tells whether err is about the call. A Redis that cannot write, as it
// is full or a replica, can still be read.
func answered(err error) bool {
	if err == nil || errors.Is(err, redis.Nil) {
		return true
	}
	reply, ok := errors.AsType[redis.Error](err)
	if !ok {
		return false
	}
	for _, cannot := range []string{"READONLY", "OOM", "MISCONF", "NOREPLICAS"} {
		if strings.HasPrefix(reply.Error(), cannot) {
			return true
		}
	}
	return false
}

// run has a script do something whole, or nothing.
func (s *Store) run(ctx context.Context, script *redis.Script, keys []string, args ...any) (n int64, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		n, err = script.Run(ctx, s.client, keys, args...).Int64()
		return err
	})
	return n, err
}
