package certstore

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/proxy/fleet/redistest"
)

const account = "acme/ca/users/a/a.key"

// TestFlush empties Redis: whoever asks finds what the folders have, at once, and
// the certificate that lasts longest.
func TestFlush(t *testing.T) {
	redis := redistest.Start(t)
	a, b := newTestNode(t, redis), newTestNode(t, redis)
	ctx := t.Context()
	a.settled()
	b.settled()
	end := time.Now().Add(time.Hour)
	shared, renewed := newTestSite(t, name, end), newTestSite(t, name, end.Add(time.Hour))
	only, gone, ended := newTestSite(t, "only.example.com", end), newTestSite(t, "gone.example.com", end), newTestSite(t, "ended.example.com", time.Now().Add(-time.Hour))
	for _, s := range []site{shared, gone, ended} {
		a.issue(s)
	}
	must(t, a.Store(ctx, account, []byte("a's")))
	b.wantSite(shared)
	b.wantSite(gone)
	b.wantFile(account, "a's")
	for _, f := range renewed.files() { // a has never heard of these
		must(t, b.folder.Store(ctx, f[0], []byte(f[1])))
	}
	b.issue(only)
	must(t, a.Delete(ctx, filepath.Dir(gone.dir)))
	b.settled()
	a.wantNone(gone.dir + ".crt") // a miss puts nothing back that was deleted
	b.wantNone(gone.dir + ".crt")

	for range 2 {
		redis.Do("FLUSHALL")
		must(t, b.folder.Store(ctx, account, []byte("b's"))) // whoever comes first
		a.wantSite(shared)
		a.wantFile(account, "a's")
		a.wantNone(ended.dir + ".crt")
		b.wantSite(renewed)
		b.wantFile(account, "a's")
		a.wantSite(renewed)
		a.wantSite(only)
		for _, f := range shared.files() {
			must(t, a.folder.Store(ctx, f[0], []byte(f[1])))
		}
	}
}

func (n *node) settled() {
	n.t.Helper()
	if _, err := n.settle(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}

// TestFirstFleet shares what a node has had for itself.
func TestFirstFleet(t *testing.T) {
	redis := redistest.Start(t)
	a, b := newTestNode(t, redis), newTestNode(t, redis)
	s := newTestSite(t, name, time.Now().Add(time.Hour))
	for _, f := range s.files() {
		must(t, a.folder.Store(t.Context(), f[0], []byte(f[1])))
	}
	a.settled()
	b.wantSite(s)
	// It is not told again what was put there once.
	must(t, b.Delete(t.Context(), "certificates"))
	again := openTestNode(t, redis, a.folder.Path)
	again.wantNone(s.dir + ".crt")
}

// TestAway serves from the folder, and says no to what must be shared.
func TestAway(t *testing.T) {
	redis := redistest.Start(t)
	a := newTestNode(t, redis)
	ctx := t.Context()
	s := newTestSite(t, name, time.Now().Add(time.Hour))
	a.issue(s)
	must(t, a.Store(ctx, "acme/ca/challenge_tokens/t.json", []byte("t")))
	redis.Kill()
	b := openTestNode(t, redis, a.folder.Path)
	began := time.Now()
	b.wantSite(s)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the folder's answers: took %v, want them within 2 s", took)
	}
	if list, err := b.List(ctx, "certificates", false); err != nil || len(list) != 1 {
		t.Errorf("list: got %q, %v", list, err)
	}
	for _, name := range []string{"acme/ca/challenge_tokens/t.json", "rw_test_1"} {
		if _, err := b.Load(ctx, name); err == nil || b.Exists(ctx, name) || b.Store(ctx, name, nil) == nil || b.Delete(ctx, name) == nil {
			t.Errorf("%s: got %v, want an error of each call", name, err)
		}
	}
	if b.Lock(ctx, "l") == nil {
		t.Error("got a lock")
	}
	redis.Restart() // empty
	b.wantSite(s)
}

// TestPatience goes on where nobody waits when Redis is back.
func TestPatience(t *testing.T) {
	redis := redistest.Start(t)
	a := newTestNode(t, redis)
	ctx := Patient(t.Context())
	redis.Pause()
	done := make(chan error)
	go func() {
		err := a.Store(ctx, "rw_test_1", []byte("x"))
		if err == nil {
			err = a.Lock(ctx, "l")
		}
		done <- err
	}()
	if a.Store(t.Context(), "rw_test_2", nil) == nil {
		t.Error("who cannot wait: got no error")
	}
	redis.Resume()
	must(t, <-done)
	a.wantFile("rw_test_1", "x")
}

// TestSealed reads what Redis writes to its disk.
func TestSealed(t *testing.T) {
	dir := t.TempDir()
	redis := redistest.Start(t, "--dir", dir, "--rdbcompression", "no")
	a := newTestNode(t, redis)
	s := newTestSite(t, name, time.Now().Add(time.Hour))
	a.issue(s)
	must(t, a.Store(t.Context(), account, []byte(s.key)))
	must(t, a.Store(t.Context(), "acme/ca/challenge_tokens/t.json", []byte("the token of a challenge")))
	redis.Do("SAVE")
	dump, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
	must(t, err)
	if !strings.Contains(string(dump), s.dir+".key") {
		t.Fatal("the dump has no names: it cannot be the one")
	}
	body := strings.Split(s.key, "\n")[1]
	for _, secret := range []string{"PRIVATE", "BEGIN", body[:16], "the token", secret} {
		if strings.Contains(string(dump), secret) {
			t.Errorf("the dump has %q", secret)
		}
	}
	// What is sealed is good in its own place alone.
	redis.Do("COPY", "{usher:edge}:cert:f:"+account, "{usher:edge}:cert:f:"+s.dir+".key", "REPLACE")
	if _, err := newTestNode(t, redis).Load(t.Context(), s.dir+".key"); err == nil || !strings.Contains(err.Error(), "sealed") {
		t.Errorf("another file's content: got %v", err)
	}
	a.wantSite(s) // as its folder has it
}

// TestRotation replaces the secret of a fleet, node by node.
func TestRotation(t *testing.T) {
	const next = "another one of thirty-two bytes, or so"
	redis := redistest.Start(t)
	a, stranger := newTestNode(t, redis), newTestNode(t, redis, next)
	ctx := t.Context()
	s := newTestSite(t, name, time.Now().Add(time.Hour))
	a.issue(s)
	must(t, a.Store(ctx, account, []byte("a's")))
	for range 2 { // not "missing": it would be ordered
		if _, err := stranger.Load(ctx, s.dir+".crt"); err == nil || strings.Contains(err.Error(), "not exist") {
			t.Errorf("with another secret: got %v", err)
		}
	}
	before, after := newTestNode(t, redis, secret, next), newTestNode(t, redis, next, secret)
	before.wantSite(s)
	must(t, before.tidy(ctx))
	a.wantSite(s)
	after.wantSite(s)
	must(t, after.tidy(ctx))
	before.wantSite(s)
	last := newTestNode(t, redis, next)
	last.wantSite(s)
	last.wantFile(account, "a's")
	if _, err := newTestNode(t, redis).Load(ctx, account); err == nil {
		t.Error("with the secret that was replaced: got an account")
	}
	a.wantSite(s) // who was left behind goes on with its folder
	a.wantFile(account, "a's")
}

// TestLeftBehind removes what a node that was killed has not, a day later.
func TestLeftBehind(t *testing.T) {
	const old, fresh = "acme/ca/challenge_tokens/old.json", "rw_test_1"
	redis := redistest.Start(t)
	a := newTestNode(t, redis)
	ctx := t.Context()
	for _, name := range []string{old, fresh, account} {
		must(t, a.Store(ctx, name, []byte("x")))
	}
	for _, name := range []string{old, account} {
		redis.Do("HSET", "{usher:edge}:cert:f:"+name, "m", fmt.Sprint(time.Now().Add(-passing-time.Minute).UnixMilli()))
	}
	must(t, a.tidy(ctx))
	a.wantNone(old)
	a.wantFile(fresh, "x")
	a.wantFile(account, "x")
}
