//go:build unix

package proxy_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy"
	"usher/proxy/handover"
)

// runUpgradable runs a Server whose place the program would take.
func runUpgradable(t *testing.T, text string, program handover.Program) *broker {
	t.Helper()
	log := &logBuffer{}
	s, err := proxy.New(mustParse(t, text), slog.New(slog.NewJSONHandler(log, nil)))
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	s.Program = program
	ctx, cancel := context.WithCancel(context.Background())
	b := &broker{Server: s, address: s.Addresses()[0].String(), log: log, stop: cancel, done: make(chan error, 1)}
	go func() { b.done <- s.Run(ctx) }()
	t.Cleanup(func() { b.wantStop(t, 30*time.Second) })
	return b
}

// TestOneUpgradeAtATime has a new process that never serves, and the old one
// told to stop meanwhile: the new one must go too, and a reload not wait.
func TestOneUpgradeAtATime(t *testing.T) {
	up := newTestBackend(t, echo)
	b := runUpgradable(t, oneRoute(up.URL), handover.Program{Path: "/bin/sleep", Args: []string{"1000"}})
	first := make(chan error, 1)
	go func() {
		_, err := b.Upgrade(t.Context())
		first <- err
	}()
	wantSoon(t, "upgrades under way", 1, func() int { return len(b.log.lines(t, "upgrade")) })
	if _, err := b.Upgrade(t.Context()); err == nil || err.Error() != "an upgrade is under way" {
		t.Errorf("second upgrade: got %v, want that one is under way", err)
	}
	c, _ := b.dial(t, "/ws", nil)
	wantEcho(t, c, websocket.TextMessage, []byte("hello"))
	reload := make(chan error, 1)
	cfg := mustParse(t, oneRoute(up.URL))
	go func() { reload <- b.Reload(cfg) }()
	b.stop()
	if err := <-first; err == nil || !strings.HasSuffix(err.Error(), "usher is stopping") {
		t.Errorf("first upgrade: got %v, want that usher is stopping", err)
	}
	if err := <-reload; err == nil || err.Error() != "usher is stopping" {
		t.Errorf("reload: got %v, want that usher is stopping", err)
	}
	wantClosed(t, c, websocket.CloseServiceRestart)
	b.wantStop(t, patience)
	if _, err := b.Upgrade(t.Context()); err == nil {
		t.Error("upgrade behind the end: got nil, want an error")
	}
}

func TestUpgradeWithoutAProgram(t *testing.T) {
	b := newTestBroker(t, oneRoute(newTestBackend(t, echo).URL))
	if _, err := b.Upgrade(t.Context()); err == nil || err.Error() != "there is no program to start" {
		t.Errorf("got %v, want that there is none", err)
	}
}
