//go:build linux

package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the processes that the bench starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case verbUpstream:
			exit(serveUpstream())
		case verbWebsocketproxy:
			exit(serveWebsocketproxy(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

// newTestTrial starts x, which needs nothing that is not in this binary.
func newTestTrial(t *testing.T, x *proxy, how transport) *trial {
	t.Helper()
	id, err := newIdentity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	trial, err := newTrial(ctx, scenario{}, x, how, id, t.TempDir(), &ports{last: firstPort + 5000 + os.Getpid()%1000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trial.stop)
	context.AfterFunc(ctx, trial.kill)
	trial.length = lengths{warm: 20 * time.Millisecond, measure: 300 * time.Millisecond, idle: 50 * time.Millisecond}
	return trial
}

// Every kind of scenario runs through a real proxy, and without one.
func TestScenarios(t *testing.T) {
	websocketproxy, err := newWebsocketproxy()
	if err != nil {
		t.Fatal(err)
	}
	all := []scenario{
		{name: "echo", run: echo{4, smallMessage, opText}.run},
		{name: "large", run: echo{2, 256 * kib, opBinary}.run},
		{name: "rate", run: rate{10, 1000}.run},
		{name: "busy", run: busy{rate{10, 1000}, 100}.run},
		{name: "fanout", run: fanout{10}.run},
		{name: "handshake", run: handshakes{}.run},
		{name: "resumed", run: resumed, over: overTLS},
		{name: "half head", run: half{20, halfHead}.run, over: overTCP},
		{name: "half hello", run: half{20, halfHello}.run, over: overTLS},
		{name: "page", run: page{4}.run, pages: true},
		{name: "idle", run: idle{20}.run},
	}
	for _, x := range []*proxy{newDirect(), websocketproxy} {
		for _, how := range []transport{overTCP, overTLS} {
			for _, s := range all {
				if !s.suits(x, how) {
					continue
				}
				t.Run(strings.Join([]string{x.name, string(how), s.name}, "/"), func(t *testing.T) {
					values, err := s.run(newTestTrial(t, x, how))
					if err != nil {
						t.Fatal(err)
					}
					for _, v := range values {
						if v.value <= 0 && v.metric != whileIdle && v.metric != perSocket && v.metric != perHalf {
							t.Errorf("%s: got %v, want more than nothing", v.metric.name, v.value)
						}
					}
				})
			}
		}
	}
}

// A proxy that dies is an error, not a trial that hangs.
func TestProxyDies(t *testing.T) {
	websocketproxy, err := newWebsocketproxy()
	if err != nil {
		t.Fatal(err)
	}
	trial := newTestTrial(t, websocketproxy, overTCP)
	trial.length.measure = 20 * time.Second
	time.AfterFunc(200*time.Millisecond, trial.process.kill)
	if values, err := (echo{4, smallMessage, opText}).run(trial); err == nil {
		t.Errorf("got %v, want an error", values)
	}
}

func TestProxyDoesNotStart(t *testing.T) {
	x := &proxy{name: "broken", argv: command("sh", "-c", "echo no such thing; exit 1")}
	id, err := newIdentity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	trial, err := newTrial(t.Context(), scenario{}, x, overTCP, id, t.TempDir(), &ports{})
	if err == nil {
		trial.stop()
	}
	if err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("got %v, want an error with what it printed", err)
	}
}
