package store

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/proxy/config"
	"usher/proxy/fleet/redistest"
	"usher/proxy/leaktest"
	"usher/proxy/waittest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }

func newTestStore(t *testing.T, r config.Redis) *Store {
	t.Helper()
	s := New(r, "edge", nil, slog.New(slog.DiscardHandler))
	t.Cleanup(s.Close)
	return s
}

func at(redis *redistest.Server) config.Redis {
	return config.Redis{Kind: config.RedisServer, Addresses: []string{redis.Address}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFiles(t *testing.T) {
	s := newTestStore(t, at(redistest.Start(t)))
	ctx := t.Context()
	if _, err := s.Read(ctx, "a/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: got %v, want fs.ErrNotExist", err)
	}
	for _, name := range []string{"a/b", "a/c/d", "a/c/e", "ab/c", "a0", "a", "a!b"} {
		must(t, s.Write(ctx, name, []byte("\x00"+name), 7, Guard{}))
	}
	f, err := s.Read(ctx, "a/c/d")
	if err != nil || string(f.Value) != "\x00a/c/d" || f.Size != 7 || time.Since(f.Modified).Abs() > time.Minute {
		t.Errorf("got %+v, %v", f, err)
	}
	names := func(folder string, want ...string) {
		t.Helper()
		if got, err := s.Names(ctx, folder); err != nil || !slices.Equal(got, want) {
			t.Errorf("names of %q: got %q, %v, want %q", folder, got, err, want)
		}
	}
	names("", "a", "a!b", "a/b", "a/c/d", "a/c/e", "a0", "ab/c")
	names("a", "a/b", "a/c/d", "a/c/e")
	names("a/c", "a/c/d", "a/c/e")
	names("a/c/d")
	must(t, s.Remove(ctx, "a/c", Guard{}))
	names("a", "a/b")
	must(t, s.Remove(ctx, "a", Guard{}))
	must(t, s.Remove(ctx, "a", Guard{}))
	names("", "a!b", "a0", "ab/c")
	if _, err := s.Read(ctx, "a/c/d"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file whose folder was removed: got %v, want fs.ErrNotExist", err)
	}
}

func TestGuards(t *testing.T) {
	redis := redistest.Start(t)
	s := newTestStore(t, at(redis))
	ctx := t.Context()
	if ok, err := s.Lock(ctx, "l", "mine"); !ok || err != nil {
		t.Fatalf("a free lock: got %v, %v", ok, err)
	}
	if ok, err := s.Lock(ctx, "l", "other"); ok || err != nil {
		t.Fatalf("a taken lock: got %v, %v", ok, err)
	}
	for name, tt := range map[string]struct {
		g    Guard
		want error
	}{
		"the owner of the lock":          {Guard{Lock: "l", Token: "mine"}, nil},
		"somebody else":                  {Guard{Lock: "l", Token: "other"}, ErrFenced},
		"nobody, of a taken lock":        {Guard{Lock: "l"}, ErrFenced},
		"nobody, of a free lock":         {Guard{Lock: "free"}, nil},
		"the owner of a lock that ended": {Guard{Lock: "free", Token: "mine"}, ErrFenced},
		"as it was":                      {Guard{Was: []byte("was")}, nil},
		"as it was not":                  {Guard{Was: []byte("wa")}, ErrFenced},
		"not there":                      {Guard{Was: []byte{}}, ErrFenced},
	} {
		must(t, s.Write(ctx, "file", []byte("was"), 3, Guard{}))
		if err := s.Write(ctx, "file", []byte("is"), 2, tt.g); !errors.Is(err, tt.want) {
			t.Errorf("%s writes: got %v, want %v", name, err, tt.want)
		}
		if f, _ := s.Read(ctx, "file"); string(f.Value) != map[bool]string{true: "is", false: "was"}[tt.want == nil] {
			t.Errorf("%s writes: got %q", name, f.Value)
		}
		if tt.g.Was != nil {
			continue
		}
		if err := s.Remove(ctx, "file", tt.g); !errors.Is(err, tt.want) {
			t.Errorf("%s removes: got %v, want %v", name, err, tt.want)
		}
	}
	must(t, s.Write(ctx, "new", []byte("is"), 2, Guard{Was: []byte{}}))
}

func TestLocks(t *testing.T) {
	redis := redistest.Start(t)
	s := newTestStore(t, at(redis))
	ctx := t.Context()
	ours := func(name, token string, want bool) {
		t.Helper()
		if ok, err := s.Keep(ctx, name, token); ok != want || err != nil {
			t.Errorf("keep %s as %s: got %v, %v, want %v", name, token, ok, err, want)
		}
	}
	ours("l", "a", false)
	for range 2 { // the client sends a call again whose answer is late
		if ok, err := s.Lock(ctx, "l", "a"); !ok || err != nil {
			t.Fatalf("lock: got %v, %v", ok, err)
		}
	}
	redis.Do("PEXPIRE", "{usher:edge}:cert:l:l", "1000")
	ours("l", "b", false)
	ours("l", "a", true)
	if left := redis.Do("PTTL", "{usher:edge}:cert:l:l"); len(left) < 5 {
		t.Errorf("a lock that was kept: got %s ms, want about %v", left, LockLife)
	}
	must(t, s.Unlock(ctx, "l", "b"))
	ours("l", "a", true)
	must(t, s.Unlock(ctx, "l", "a"))
	ours("l", "a", false)
}

// TestAway has a Redis that takes connections and answers nobody, then none at
// all, then one that is back.
func TestAway(t *testing.T) {
	redis := redistest.Start(t)
	s := newTestStore(t, at(redis))
	must(t, s.Write(t.Context(), "file", []byte("is"), 2, Guard{}))
	redis.Pause()
	began := time.Now()
	for range breakAfter {
		if _, err := s.Read(t.Context(), "file"); !errors.Is(err, ErrAway) {
			t.Fatalf("got %v, want ErrAway", err)
		}
	}
	if took := time.Since(began); took > 2*breakAfter*callTimeout {
		t.Errorf("%d calls without an answer: took %v, want %v each", breakAfter, took, callTimeout)
	}
	if s.Away().IsZero() {
		t.Error("got a store that is there")
	}
	began = time.Now()
	for range 100 {
		s.Read(t.Context(), "file")
	}
	if took := time.Since(began); took > 5*callTimeout {
		t.Errorf("100 calls while it is away: took %v, want hardly any time", took)
	}
	redis.Resume()
	waittest.Until(t, "it is back", func() bool { _, err := s.Read(t.Context(), "file"); return err == nil })
	redis.Kill()
	waittest.Until(t, "it is away", func() bool { s.Read(t.Context(), "file"); return !s.Away().IsZero() })
	redis.Restart()
	waittest.Until(t, "it is back, and empty", func() bool {
		_, err := s.Read(t.Context(), "file")
		return errors.Is(err, fs.ErrNotExist)
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 * breakAfter {
		if _, err := s.Read(ctx, "file"); !errors.Is(err, context.Canceled) {
			t.Fatalf("a caller that has gone: got %v, want its own end", err)
		}
	}
	if !s.Away().IsZero() {
		t.Error("callers that have gone: got a store that is away")
	}
}

// A Redis that cannot write can still be read, by all.
func TestReadOnly(t *testing.T) {
	redis := redistest.Start(t)
	s := newTestStore(t, at(redis))
	must(t, s.Write(t.Context(), "file", []byte("is"), 2, Guard{}))
	redis.Do("CONFIG", "SET", "maxmemory", "1")
	for range 2 * breakAfter {
		if err := s.Write(t.Context(), "file", []byte("more"), 4, Guard{}); err == nil || !strings.Contains(err.Error(), "OOM") || errors.Is(err, ErrAway) {
			t.Fatalf("a write to a full Redis: got %v, want OOM", err)
		}
	}
	if f, err := s.Read(t.Context(), "file"); err != nil || string(f.Value) != "is" {
		t.Errorf("a read: got %q, %v", f.Value, err)
	}
}

// TestRestricted has a user who may do what is needed in the fleet's own keys, and
// nothing else.
func TestRestricted(t *testing.T) {
	redis := redistest.Start(t)
	redis.Do("ACL", "SETUSER", "usher", "on", ">hunter2", "~{usher:edge}:*", "&{usher:edge}:*", "+@read", "+@write", "+@scripting", "+@pubsub", "+@transaction", "+@connection", "-@dangerous", "+time")
	r := at(redis)
	r.Username, r.Password = "usher", "hunter2"
	s := newTestStore(t, r)
	ctx := t.Context()
	must(t, s.Write(ctx, "a/b", []byte("is"), 2, Guard{}))
	if names, err := s.Names(ctx, ""); len(names) != 1 || err != nil {
		t.Errorf("got %q, %v", names, err)
	}
	must(t, s.Remove(ctx, "a", Guard{}))
	must(t, s.Renew(ctx, "age"))
	if ok, err := s.Lock(ctx, "l", "a"); !ok || err != nil {
		t.Errorf("lock: got %v, %v", ok, err)
	}
	must(t, s.Unlock(ctx, "l", "a"))
	if advice, err := s.Advice(ctx); err != nil || !strings.Contains(advice, "could not be told") {
		t.Errorf("advice: got %q, %v", advice, err)
	}
	r.Password = "wrong"
	if _, err := newTestStore(t, r).Age(ctx); !errors.Is(err, ErrAway) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong password: got %v, want ErrAway", err)
	}
	other := New(at(redis), "other", nil, slog.New(slog.DiscardHandler))
	defer other.Close()
	if age, err := other.Age(ctx); age != "" || err != nil {
		t.Errorf("another fleet: got %q, %v, want nothing of the first", age, err)
	}
}

func TestAdvice(t *testing.T) {
	redis := redistest.Start(t)
	s := newTestStore(t, at(redis))
	for policy, want := range map[string]string{"noeviction": "", "volatile-lru": "", "allkeys-lru": "policy is allkeys-lru"} {
		redis.Do("CONFIG", "SET", "maxmemory-policy", policy)
		if got, err := s.Advice(t.Context()); err != nil || want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, %v, want %q", policy, got, err, want)
		}
	}
}
