package certs

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"usher/proxy/config"
	"usher/proxy/waittest"
)

// TestLocksHaveOwners has two users of one folder, as there are while a reload
// replaces one by the other: who leaves gives up its own locks alone.
func TestLocksHaveOwners(t *testing.T) {
	dir := t.TempDir()
	leaving, staying := newStorage(dir), newStorage(dir)
	lock := func(s *storage, name string) {
		if err := s.Lock(t.Context(), name); err != nil {
			t.Fatalf("lock %s: %v", name, err)
		}
	}
	held := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, "locks", name+".lock"))
		return err == nil
	}
	lock(leaving, "left")
	lock(leaving, "given_back")
	lock(staying, "kept")
	if ok, err := staying.TryLock(t.Context(), "tried"); !ok || err != nil {
		t.Fatalf("try to lock: got %v, %v", ok, err)
	}
	if err := leaving.Unlock(context.Background(), "given_back"); err != nil {
		t.Fatalf("unlock: %v", err)
	}
	lock(staying, "given_back")
	leaving.release(slog.New(slog.DiscardHandler))
	for name, want := range map[string]bool{"left": false, "kept": true, "tried": true, "given_back": true} {
		if got := held(name); got != want {
			t.Errorf("lock %s: got held %v, want %v", name, got, want)
		}
	}
	staying.release(slog.New(slog.DiscardHandler))
	for _, name := range []string{"kept", "tried", "given_back"} {
		if held(name) {
			t.Errorf("lock %s: still held at the end", name)
		}
	}
}

// writtenDir is t.TempDir for keepers that look for an authority: certmagic's
// goroutines end with the keeper's context, but nobody can wait for the last
// file that they write.
func writtenDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "certs") //nolint:usetesting // its removal fails while a file is being written
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		waittest.Until(t, "what certmagic wrote is removed", func() bool { return os.RemoveAll(dir) == nil })
	})
	return dir
}

// TestRenewalInformationAndStapling holds certmagic to what it does unasked:
// authorities say when to renew (RFC 9773), and their OCSP answers are stapled.
func TestRenewalInformationAndStapling(t *testing.T) {
	cfg := &config.Config{
		File: filepath.Join(writtenDir(t), "routes.yaml"), Listen: []config.Listener{{TLS: true}},
		TLS: config.TLS{Domains: []string{"ws.example.com"}, Storage: "certs", ACME: config.ACME{Directory: "https://127.0.0.1:1/dir"}},
	}
	k, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Start(nil, nil); err != nil {
		t.Fatal(err)
	}
	defer k.Stop()
	if m := k.issued.magic; m.DisableARI || m.OCSP.DisableStapling || m.DisableStorageCheck {
		t.Errorf("certmagic: got ARI off %v, stapling off %v", m.DisableARI, m.OCSP.DisableStapling)
	}
}
