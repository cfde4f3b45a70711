package proxy_test

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/waittest"
)

// TestRenewal has an authority whose certificates end soon.
func TestRenewal(t *testing.T) {
	a := newTestACME(t, acmeOptions{validity: 12 * time.Second})
	dir := t.TempDir()
	text := acmeRoutes(a, a.both(), "http://127.0.0.1:1")
	secure := fmt.Sprintf("127.0.0.1:%d", a.secure)
	trust := a.trust(t)
	b := newTestBrokerIn(t, dir, text)
	first := wantIssued(t, secure, "ws.example.com", trust)
	b.wantStop(t, patience)
	waittest.Until(t, "the certificate is about to end", func() bool { return time.Until(first.NotAfter) < 3*time.Second })
	newTestBrokerIn(t, dir, text)
	wantSoon(t, "the certificate is renewed before it ends", true, func() bool {
		c, err := tls.Dial("tcp", secure, &tls.Config{ServerName: "ws.example.com", RootCAs: trust})
		if err != nil {
			return false
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].NotAfter.After(first.NotAfter)
	})
}

// state lists what lies below dir, and when it was changed.
func state(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			fmt.Fprintln(&list, name, info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}

// TestRenewalWhileServing has a keeper that is looked at often, and an authority
// whose certificates end soon: a new one is there before, and the authority was
// asked when it wants that. Its name is new each time: certmagic remembers for
// the whole process which names it could not renew, such as those of a keeper
// that was stopped meanwhile, and leaves them alone for a minute.
func TestRenewalWhileServing(t *testing.T) {
	name := fmt.Sprintf("renewed-%d.example.com", time.Now().UnixNano())
	a := newTestACME(t, acmeOptions{validity: 15 * time.Second})
	secure := fmt.Sprintf("127.0.0.1:%d", a.secure)
	text := acmeRoutes(a, fmt.Sprintf("{address: '%s', tls: true}", secure), "http://127.0.0.1:1")
	text = strings.Replace(text, "[ws.example.com, www.example.com]", name, 1)
	cfg, err := config.Parse(filepath.Join(t.TempDir(), "routes.yaml"), []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := certs.Open(cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	k.RenewInterval = 500 * time.Millisecond
	l, err := tls.Listen("tcp", secure, k.Config(cfg.Listen[0]))
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			serving.Go(func() {
				defer c.Close()
				c.(*tls.Conn).Handshake()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	if err := k.Start(nil, l.Addr()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Stop)
	trust := a.trust(t)
	first := wantIssued(t, secure, name, trust)
	shown := first
	waittest.Until(t, "the renewal", func() bool {
		c, err := tls.Dial("tcp", secure, &tls.Config{ServerName: name, RootCAs: trust})
		if err != nil {
			t.Fatalf("before the renewal: %v", err)
		}
		defer c.Close()
		shown = c.ConnectionState().PeerCertificates[0]
		return !shown.Equal(first)
	})
	if s := k.Stats(); len(s) != 1 || s[0].Name != name || s[0].NotAfter.Before(shown.NotAfter) {
		t.Errorf("certificates: got %+v, want the one that is shown, which ends %v", s, shown.NotAfter)
	}
	if n := a.requests("renewalInfo"); n == 0 {
		t.Error("renewal information: the authority was not asked")
	}
}
