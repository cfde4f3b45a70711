package certstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"usher/proxy/fleet/redistest"
	"usher/proxy/fleet/store"
)

// TestContract holds what certmagic says of storages, in the order of its
// storage.go, to the folder and to the layer over it.
func TestContract(t *testing.T) {
	for name, s := range map[string]certmagic.Storage{
		"folder": &certmagic.FileStorage{Path: t.TempDir()},
		"layer":  newTestNode(t, redistest.Start(t)).Storage,
	} {
		t.Run(name, func(t *testing.T) { contract(t, s) })
	}
}

func contract(t *testing.T, s certmagic.Storage) {
	ctx := t.Context()
	for _, name := range []string{"acme/ca/users/a/a.json", "acme/ca/users/a/a.key", "acme/ca/usersb/x", "acme/ca/challenge_tokens/t.json", "rw_test_1"} {
		must(t, s.Store(ctx, name, []byte("first "+name)))
		must(t, s.Store(ctx, name, []byte(name)))
		if got, err := s.Load(ctx, name); err != nil || string(got) != name {
			t.Errorf("load %s: got %q, %v", name, got, err)
		}
		info, err := s.Stat(ctx, name)
		if err != nil || info.Key != name || info.Size != int64(len(name)) || !info.IsTerminal || time.Since(info.Modified).Abs() > time.Minute {
			t.Errorf("stat %s: got %+v, %v", name, info, err)
		}
	}
	exists := func(name string, want bool) {
		t.Helper()
		if got := s.Exists(ctx, name); got != want {
			t.Errorf("exists %s: got %v, want %v", name, got, want)
		}
	}
	missing := func(name string) {
		t.Helper()
		exists(name, false)
		if _, err := s.Load(ctx, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("load %s: got %v, want fs.ErrNotExist", name, err)
		}
		if _, err := s.Stat(ctx, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat %s: got %v, want fs.ErrNotExist", name, err)
		}
		if list, err := s.List(ctx, name, true); !errors.Is(err, fs.ErrNotExist) || len(list) > 0 {
			t.Errorf("list %s: got %q, %v, want fs.ErrNotExist", name, list, err)
		}
		must(t, s.Delete(ctx, name))
	}
	list := func(folder string, recursive bool, want ...string) {
		t.Helper()
		got, err := s.List(ctx, folder, recursive)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("list %s, recursive %v: got %q, %v, want %q", folder, recursive, got, err, want)
		}
	}
	missing("acme/c")
	missing("acme/ca/users/b")
	missing("acme/ca/use")
	missing("certificates")
	exists("acme/ca/users", true)
	if info, err := s.Stat(ctx, "acme/ca/users"); err != nil || info.IsTerminal || info.Key != "acme/ca/users" {
		t.Errorf("stat a folder: got %+v, %v", info, err)
	}
	list("acme/ca", false, "acme/ca/challenge_tokens", "acme/ca/users", "acme/ca/usersb")
	list("acme/ca/users", false, "acme/ca/users/a")
	list("acme/ca/users", true, "acme/ca/users/a", "acme/ca/users/a/a.json", "acme/ca/users/a/a.key")
	list("acme/ca", true, "acme/ca/challenge_tokens", "acme/ca/challenge_tokens/t.json", "acme/ca/users", "acme/ca/users/a", "acme/ca/users/a/a.json", "acme/ca/users/a/a.key",
		"acme/ca/usersb", "acme/ca/usersb/x")
	must(t, s.Delete(ctx, "acme/ca/users"))
	missing("acme/ca/users/a/a.key")
	exists("acme/ca/usersb/x", true)
	must(t, s.Delete(ctx, "rw_test_1"))
	missing("rw_test_1")
	contractOfLocks(t, s)
}

func contractOfLocks(t *testing.T, s certmagic.Storage) {
	ctx := t.Context()
	try := s.(certmagic.TryLocker)
	must(t, s.Lock(ctx, "a lock"))
	if ok, err := try.TryLock(ctx, "a lock"); ok || err != nil {
		t.Errorf("try a lock that is taken: got %v, %v", ok, err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if err := s.Lock(short, "a lock"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait for a lock that is taken: got %v, want the context's end", err)
	}
	freed := make(chan error)
	go func() { freed <- s.Lock(ctx, "a lock") }()
	must(t, s.Unlock(ctx, "a lock"))
	must(t, <-freed)
	must(t, s.Unlock(ctx, "a lock"))
	if ok, err := try.TryLock(ctx, "a lock"); !ok || err != nil {
		t.Errorf("try a lock that is free: got %v, %v", ok, err)
	}
	must(t, s.Unlock(ctx, "a lock"))
}

// TestCut takes Redis away between any two calls of each operation. What the
// caller hears is true, or an error; and nothing is half done that a later call
// does not see.
func TestCut(t *testing.T) {
	const account, challenge = "acme/ca/users/a/a.json", "acme/ca/challenge_tokens/t.json"
	redis := redistest.Start(t)
	n := newTestNode(t, redis)
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	old, next := newTestSite(t, "ws.example.com", end), newTestSite(t, "ws.example.com", end.Add(time.Hour))
	settled := func() {
		n.shared.left.Store(never)
		n.Storage.mu.Lock()
		clear(n.held)
		n.Storage.mu.Unlock()
		redis.Do("FLUSHALL")
		n.issue(old)
		must(t, n.Store(t.Context(), account, []byte("old")))
		must(t, n.Store(t.Context(), challenge, []byte("old")))
		must(t, n.Lock(t.Context(), issueLock+"ws.example.com"))
	}
	for name, op := range map[string]struct {
		do   func(ctx context.Context) (value string, err error)
		want string // as long as nothing has changed
		done string // what is true once do has returned no error
	}{
		"load a certificate": {do: n.loads(old.dir + ".crt"), want: old.crt},
		"load an account":    {do: n.loads(account), want: "old"},
		"load a challenge":   {do: n.loads(challenge), want: "old"},
		"store":              {do: n.stores(account, "new"), done: "new"},
		"store a key":        {do: n.stores(next.dir+".key", next.key)},
		"stat": {want: "3", do: func(ctx context.Context) (string, error) {
			info, err := n.Stat(ctx, account)
			return fmt.Sprint(info.Size), err
		}},
		"list": {want: "[acme/ca/users/a/a.json]", do: func(ctx context.Context) (string, error) {
			list, err := n.List(ctx, "acme/ca/users/a", false)
			return fmt.Sprint(list), err
		}},
		"lock":   {do: func(ctx context.Context) (string, error) { return "", n.Lock(ctx, "another") }},
		"unlock": {do: func(ctx context.Context) (string, error) { return "", n.Unlock(ctx, issueLock+"ws.example.com") }},
		"renew": {do: func(ctx context.Context) (string, error) {
			return "", n.RenewLockLease(ctx, issueLock+"ws.example.com", time.Minute)
		}},
		"delete": {do: func(ctx context.Context) (string, error) { return "", n.Delete(ctx, account) }, done: "none"},
	} {
		t.Run(name, func(t *testing.T) {
			settled()
			n.shared.calls.Store(0)
			if _, err := op.do(t.Context()); err != nil {
				t.Fatalf("with Redis there: got %v", err)
			}
			for calls := range n.shared.calls.Load() {
				settled()
				n.shared.left.Store(calls)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond) // nothing waits for long
				got, err := op.do(ctx)
				cancel()
				n.shared.left.Store(never)
				switch {
				case err == nil && op.want != "" && got != op.want:
					t.Errorf("cut behind %d calls: got %.40q, want %.40q", calls, got, op.want)
				case errors.Is(err, fs.ErrNotExist):
					t.Errorf("cut behind %d calls: got %v of what is there", calls, err)
				case err != nil && !errors.Is(err, store.ErrAway) && !errors.Is(err, context.DeadlineExceeded):
					t.Errorf("cut behind %d calls: got %v", calls, err)
				}
				account, e := n.Load(t.Context(), account)
				if e != nil && op.done != "none" || err == nil && op.done != "" && op.done != "none" && string(account) != op.done || err != nil && string(account) != "old" {
					t.Errorf("cut behind %d calls: then the account is %q, %v, after %v", calls, account, e, err)
				}
			}
		})
	}
}

func (n *node) loads(name string) func(ctx context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		value, err := n.Load(ctx, name)
		return string(value), err
	}
}

func (n *node) stores(name, value string) func(ctx context.Context) (string, error) {
	return func(ctx context.Context) (string, error) { return "", n.Store(ctx, name, []byte(value)) }
}
