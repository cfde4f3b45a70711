package certstore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"usher/proxy/fleet/redistest"
	"usher/proxy/fleet/store"
	"usher/proxy/waittest"
)

const (
	name     = "ws.example.com"
	nameLock = issueLock + name
	lockKey  = "{usher:edge}:cert:l:" + nameLock
)

// TestFence has a node lose its lock in the midst of what it writes, and another
// one write all of its own.
func TestFence(t *testing.T) {
	redis := redistest.Start(t)
	a, b := newTestNode(t, redis), newTestNode(t, redis)
	ctx := t.Context()
	end := time.Now().Add(time.Hour)
	late, first := newTestSite(t, name, end), newTestSite(t, name, end)
	must(t, a.Lock(ctx, nameLock))
	must(t, a.Store(ctx, late.dir+".key", []byte(late.key)))
	redis.Do("DEL", lockKey) // as behind a pause of 15 s, or a failover
	if err := a.Store(ctx, late.dir+".crt", []byte(late.crt)); !errors.Is(err, store.ErrFenced) {
		t.Errorf("a lost lock that is free: got %v, want ErrFenced", err)
	}
	b.issue(first)
	for _, f := range late.files() {
		if err := a.Store(ctx, f[0], []byte(f[1])); !errors.Is(err, store.ErrFenced) {
			t.Errorf("store %s: got %v, want ErrFenced", f[0], err)
		}
		if err := a.Delete(ctx, f[0]); !errors.Is(err, store.ErrFenced) { // as certmagic does then
			t.Errorf("delete %s: got %v, want ErrFenced", f[0], err)
		}
	}
	b.wantSite(first)
	a.wantSite(first)
	must(t, a.Unlock(ctx, nameLock))

	// What is not under the lock waits for nobody, but keeps off.
	must(t, a.Store(ctx, late.dir+".json", []byte("{}")))
	must(t, b.Lock(ctx, nameLock))
	if err := a.Store(ctx, late.dir+".json", []byte("{}")); !errors.Is(err, store.ErrFenced) {
		t.Errorf("without a lock while another has it: got %v, want ErrFenced", err)
	}
	must(t, a.Store(ctx, siteOf("other.example.com")+".json", []byte("{}")))
}

// TestTornPair treats a certificate with another's key as missing.
func TestTornPair(t *testing.T) {
	n := newTestNode(t, redistest.Start(t))
	end := time.Now().Add(time.Hour)
	one, other := newTestSite(t, name, end), newTestSite(t, name, end)
	n.issue(one)
	one.key = other.key
	n.issue(one)
	n.wantNone(one.dir + ".crt")
	n.wantFile(one.dir+".key", other.key)
	if !strings.Contains(n.log.String(), "no pair") {
		t.Errorf("log: got nothing of it:\n%s", n.log)
	}
	n.issue(other)
	n.wantSite(other)
}

// TestLostLock has the owner hear of it before its next attempt, and the lock back
// when it is free.
func TestLostLock(t *testing.T) {
	redis := redistest.Start(t)
	a, b := newTestNode(t, redis), newTestNode(t, redis)
	ctx := t.Context()
	renew := func() error { return a.RenewLockLease(ctx, nameLock, time.Minute) }
	if err := renew(); !errors.Is(err, errNoLock) {
		t.Errorf("a lock that nobody has: got %v", err)
	}
	must(t, a.Lock(ctx, nameLock))
	must(t, renew())
	redis.Do("DEL", lockKey)
	must(t, b.Lock(ctx, nameLock))
	a.beat(ctx)
	if err := a.Store(ctx, siteOf(name)+".key", nil); !errors.Is(err, errLost) {
		t.Errorf("store: got %v, want errLost", err)
	}
	if err := renew(); !errors.Is(err, errLost) {
		t.Errorf("renew: got %v, want errLost", err)
	}
	must(t, b.Unlock(ctx, nameLock))
	must(t, renew())
	must(t, a.Store(ctx, siteOf(name)+".key", nil))
	redis.Do("DEL", lockKey)
	if err := renew(); !errors.Is(err, errLost) { // which finds out itself
		t.Errorf("renew: got %v, want errLost", err)
	}
	must(t, a.Unlock(ctx, nameLock))
}

// TestLocksAreKept waits longer than a lock lasts by itself, in Redis' time.
func TestLocksAreKept(t *testing.T) {
	redis := redistest.Start(t)
	a := newTestNode(t, redis)
	ctx, cancel := context.WithCancel(t.Context())
	must(t, a.Lock(ctx, nameLock))
	ran := make(chan struct{})
	go func() { a.Run(ctx); close(ran) }()
	for range 2 {
		redis.Do("PEXPIRE", lockKey, "10000")
		waittest.Until(t, "the lock is kept", func() bool { return len(redis.Do("PTTL", lockKey)) == 5 })
	}
	cancel()
	<-ran
	if left := redis.Do("EXISTS", lockKey); left != "0" {
		t.Error("behind the end: got a lock that is taken")
	}
}

// TestHandOver leaves the lock to others when attempts have failed.
func TestHandOver(t *testing.T) {
	redis := redistest.Start(t)
	a, b := newTestNode(t, redis), newTestNode(t, redis)
	ctx := t.Context()
	renew := func() error { return a.RenewLockLease(ctx, nameLock, time.Minute) }
	must(t, a.Lock(ctx, nameLock))
	for range attempts {
		must(t, renew())
	}
	waits := make(chan error)
	go func() { waits <- b.Lock(ctx, nameLock) }()
	for range 3 {
		if err := renew(); !errors.Is(err, errGiven) {
			t.Fatalf("behind two attempts: got %v, want errGiven", err)
		}
	}
	must(t, <-waits)
	later := func() {
		a.Storage.mu.Lock()
		a.held[nameLock].again = time.Now()
		a.Storage.mu.Unlock()
	}
	later()
	if err := renew(); !errors.Is(err, errLost) {
		t.Errorf("a minute later, while another has it: got %v, want errLost", err)
	}
	b.issueHeld(newTestSite(t, name, time.Now().Add(time.Hour)))
	must(t, b.Unlock(ctx, nameLock))
	for range attempts {
		must(t, renew())
	}
	if err := renew(); !errors.Is(err, errGiven) {
		t.Errorf("behind two more attempts: got %v, want errGiven", err)
	}
	if n := redis.Do("EXISTS", lockKey); n != "0" {
		t.Error("the lock that was left to others: got one that is taken")
	}
	must(t, a.Unlock(ctx, nameLock))
}

func (n *node) issueHeld(s site) {
	n.t.Helper()
	for _, f := range s.files() {
		must(n.t, n.Store(n.t.Context(), f[0], []byte(f[1])))
	}
}
