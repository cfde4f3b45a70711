package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/certmagic"

	"usher/proxy/config"
)

// countingStorage notes every key that is looked for.
type countingStorage struct {
	certmagic.Storage
	mu   sync.Mutex
	keys []string // guarded by mu
}

func (s *countingStorage) note(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, key)
}

func (s *countingStorage) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, key := range s.keys {
		if strings.Contains(key, what) {
			n++
		}
	}
	return n
}

func (s *countingStorage) Load(ctx context.Context, key string) ([]byte, error) {
	s.note(key)
	return s.Storage.Load(ctx, key)
}

func (s *countingStorage) Store(ctx context.Context, key string, value []byte) error {
	s.note(key)
	return s.Storage.Store(ctx, key, value)
}

func (s *countingStorage) Exists(ctx context.Context, key string) bool {
	s.note(key)
	return s.Storage.Exists(ctx, key)
}

func (s *countingStorage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	s.note(key)
	return s.Storage.Stat(ctx, key)
}

func (s *countingStorage) Lock(ctx context.Context, name string) error {
	s.note(name)
	return s.Storage.Lock(ctx, name)
}

// newTestIssued returns a keeper for the name ws.example.com whose authority is
// never reached, and its storage.
func newTestIssued(t *testing.T) (*Keeper, *countingStorage) {
	t.Helper()
	cfg := &config.Config{
		File:   writtenDir(t) + "/routes.yaml",
		Listen: []config.Listener{{TLS: true}},
		TLS: config.TLS{
			Domains: []string{"ws.example.com"}, Storage: "certs",
			ACME: config.ACME{Directory: "https://127.0.0.1:1/dir", Email: "ops@example.com"},
		},
	}
	k, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	s := &countingStorage{Storage: k.issued.storage}
	k.issued.storage = s
	if err := k.Start(&net.TCPAddr{Port: 1}, &net.TCPAddr{Port: 2}); err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(k.Stop)
	return k, s
}

func sayHello(k *Keeper, name string, protos ...string) error {
	a, b := net.Pipe()
	defer a.Close()
	go func() {
		tls.Client(b, &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: protos}).Handshake()
		b.Close()
	}()
	return tls.Server(a, k.Config(config.Listener{})).Handshake()
}

func ask(k *Keeper, host, path string) (handled bool, status int) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = host
	handled = k.Challenge(w, r)
	return handled, w.Code
}

// TestUnknownNamesReachNothing is attack 26.
func TestUnknownNamesReachNothing(t *testing.T) {
	k, s := newTestIssued(t)
	for i := range 100 {
		name := fmt.Sprintf("n%d.example.net", i)
		for _, protos := range [][]string{{challengeProtocol}, {"http/1.1"}, nil} {
			if err := sayHello(k, name, protos...); err == nil {
				t.Fatalf("hello for %s with %q: got a certificate", name, protos)
			}
		}
		if handled, _ := ask(k, name, "/.well-known/acme-challenge/abc"); handled {
			t.Errorf("challenge for %s: handled, want left to others", name)
		}
	}
	if got := s.count("example.net"); got != 0 {
		t.Errorf("storage: got %d operations for names that are not listed, want 0", got)
	}
}

// TestBogusChallengesOfAListedName asks for what nobody has begun: the storage
// must be looked at, as another process may have, but not each time.
func TestBogusChallengesOfAListedName(t *testing.T) {
	k, s := newTestIssued(t)
	for range 500 {
		if handled, status := ask(k, "WS.example.com:80", "/.well-known/acme-challenge/abc"); !handled || status != http.StatusNotFound {
			t.Fatalf("challenge: got handled %v, status %d; want 404", handled, status)
		}
		if err := sayHello(k, "ws.example.com", challengeProtocol); err == nil {
			t.Fatal("hello of a challenge: got a certificate")
		}
	}
	if got := s.count("challenge_tokens"); got == 0 || got > 2*lookupBurst {
		t.Errorf("storage: got %d lookups for 1000 questions, want some, at most about %v", got, lookupBurst)
	}
	if handled, _ := ask(k, "ws.example.com", "/index.html"); handled {
		t.Error("a request for a page: handled as a challenge")
	}
}
