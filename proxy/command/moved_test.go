//go:build linux && !portable

package command_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/admin"
)

// talker is a client that sends numbered messages and wants each back, once and
// in order.
type talker struct {
	conn *websocket.Conn
	sent atomic.Int64
	got  atomic.Int64
	err  atomic.Pointer[error]
	stop chan struct{}
	over sync.WaitGroup
}

func newTalker(t *testing.T, address string) *talker {
	t.Helper()
	c, err := echo(websocket.DefaultDialer, address)
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Time{})
	k := &talker{conn: c, stop: make(chan struct{})}
	k.over.Go(k.send)
	k.over.Go(k.receive)
	t.Cleanup(func() { c.Close() })
	return k
}

func (k *talker) fail(err error) { k.err.CompareAndSwap(nil, &err) }

// send sends a message every few milliseconds, some of them long.
func (k *talker) send() {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := int64(1); ; n++ {
		select {
		case <-k.stop:
			return
		case <-tick.C:
		}
		text := fmt.Sprint(n, " ", strings.Repeat("x", int(n%7)*int(n%7)*700))
		k.sent.Store(n)
		if err := k.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			k.fail(err)
			return
		}
	}
}

func (k *talker) receive() {
	for n := int64(1); ; n++ {
		_, p, err := k.conn.ReadMessage()
		if err != nil {
			k.fail(err)
			return
		}
		if want := fmt.Sprint(n, " ", strings.Repeat("x", int(n%7)*int(n%7)*700)); string(p) != want {
			k.fail(fmt.Errorf("got %.20q of %d bytes, want %.20q of %d", p, len(p), want, len(want)))
			return
		}
		k.got.Store(n)
	}
}

// wantWhole waits until all that was sent has come back, and ends the talk.
func (k *talker) wantWhole(t *testing.T) {
	t.Helper()
	close(k.stop)
	for until := time.Now().Add(patience); k.got.Load() < k.sent.Load() && k.err.Load() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("got %d of %d messages back", k.got.Load(), k.sent.Load())
		}
	}
	if err := k.err.Load(); err != nil {
		t.Fatalf("behind message %d of %d: %v", k.got.Load(), k.sent.Load(), *err)
	}
	k.conn.Close()
	k.over.Wait()
}

// TestUpgradeMoves has sockets that talk without a pause while usher takes its
// own place five times: nobody notices, and operators find them as they were.
func TestUpgradeMoves(t *testing.T) {
	admins := "unix:" + filepath.Join(t.TempDir(), "admin")
	g := newTestGenerations(t, fmt.Sprintf("admin: '%s'\n%s", admins, upgradeRoutes("127.0.0.1:0", newEchoUpstream(t).URL)))
	address := g.wantLines(t, "listening", 1)["address"].(string)
	var talkers []*talker
	for range 50 {
		talkers = append(talkers, newTalker(t, address))
	}
	before := listSessions(t, g)
	for n := range 5 {
		var done admin.Upgraded
		verb(t, &done, "upgrade", "--json", "--routes", g.routes)
		if done.Moved != len(talkers) || len(done.Drain) != 0 {
			t.Errorf("upgrade %d: got %+v, want %d moved and none to drain", n, done, len(talkers))
		}
		g.pid = done.PID
		g.wantLines(t, "stopped", n+1)
	}
	after := listSessions(t, g)
	for id, s := range before {
		now := after[id]
		if !now.Started.Equal(s.Started) || now.Client != s.Client || now.Endpoint != s.Endpoint || now.FromClient.Messages < s.FromClient.Messages {
			t.Errorf("got session %+v, want %+v and more messages", now, s)
		}
	}
	if len(after) != len(talkers) {
		t.Errorf("got %d sessions, want %d", len(after), len(talkers))
	}
	for _, k := range talkers {
		k.wantWhole(t)
	}
	for n := range talkers { // told by the last process, and once
		g.wantLines(t, "session ended", n+1)
	}
	if n := len(g.linesOf("session ended")); n != len(talkers) {
		t.Errorf("got %d sessions ended, want %d", n, len(talkers))
	}
}

// TestUpgradeMovedToNothing has a session move to a process whose file does not
// have its route: it drains there, as by a reload.
func TestUpgradeMovedToNothing(t *testing.T) {
	up := newEchoUpstream(t)
	g := newTestGenerations(t, upgradeRoutes("127.0.0.1:0", up.URL))
	held, err := echo(websocket.DefaultDialer, g.wantLines(t, "listening", 1)["address"].(string))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	g.writeRoutes(t, strings.Replace(upgradeRoutes("127.0.0.1:0", up.URL), "[{upstream", "[{path: /other, upstream", 1))
	g.upgrade(t, 1)
	wantRestart(t, held)
	if line := g.wantLines(t, "session ended", 1); line["cause"] != "usher.drained" {
		t.Errorf("got %v, want it drained", line)
	}
}

func listSessions(t *testing.T, g *generations) map[string]admin.Session {
	t.Helper()
	var page admin.SessionPage
	verb(t, &page, "sessions", "--json", "--routes", g.routes)
	list := make(map[string]admin.Session)
	for _, s := range page.Sessions {
		list[s.ID] = s
	}
	return list
}

// verb runs usher and reads what it prints.
func verb(t *testing.T, v any, args ...string) {
	t.Helper()
	out, err := exec.Command(usher, args...).Output()
	if err == nil {
		err = json.Unmarshal(out, v)
	}
	if err != nil {
		t.Fatalf("usher %q: %v: %s", args, err, out)
	}
}
