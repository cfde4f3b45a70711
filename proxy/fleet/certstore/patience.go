package certstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"usher/proxy/fleet/store"
)

// poll is how long it takes at least until something is tried again.
const poll = 250 * time.Millisecond

type patientKey struct{}

// Patient returns a context for work that nobody waits for: it goes on when Redis
// answers again, instead of failing.
func Patient(ctx context.Context) context.Context {
	return context.WithValue(ctx, patientKey{}, true)
}

func isPatient(ctx context.Context) bool { return ctx.Value(patientKey{}) != nil }

// patienceFor returns how long it is tried anyway to store a file: what an
// authority has issued is worth it, until the lock is lost.
func patienceFor(name string) time.Duration {
	if strings.HasPrefix(name, "certificates/") {
		return store.LockLife
	}
	return 0
}

// patiently does something again while Redis is away, for so long, or to the end
// of ctx if that is Patient.
func patiently(ctx context.Context, long time.Duration, do func() error) error {
	end := time.Now().Add(long)
	for {
		err := do()
		if !errors.Is(err, store.ErrAway) || !isPatient(ctx) && time.Now().After(end) {
			return err
		}
		if err := sleep(ctx); err != nil {
			return err
		}
	}
}

// sleep waits for a poll, with jitter.
func sleep(ctx context.Context) error {
	t := time.NewTimer(poll + rand.N(poll))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
