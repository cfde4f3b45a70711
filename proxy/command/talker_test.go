//go:build linux && !portable

package command_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/waittest"
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
	tick := time.NewTicker(20 * time.Millisecond)
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
	if err := k.wantEnd(t); err != nil {
		t.Fatalf("behind message %d of %d: %v", k.got.Load(), k.sent.Load(), err)
	}
}

// wantEnd waits until all that was sent has come back, or the socket has ended, and
// returns why. A socket whose end nobody has heard of yet does not count as whole: a
// message that is sent from now on has to come back too.
func (k *talker) wantEnd(t *testing.T) error {
	t.Helper()
	before := k.sent.Load()
	k.wantSoon(t, func() bool { return k.got.Load() > before })
	close(k.stop)
	k.wantSoon(t, func() bool { return k.got.Load() >= k.sent.Load() })
	err := k.err.Load()
	k.conn.Close()
	k.over.Wait()
	if err == nil {
		return nil
	}
	return *err
}

// wantSoon waits until what is asked holds, or the socket has ended.
func (k *talker) wantSoon(t *testing.T, holds func() bool) {
	t.Helper()
	if !waittest.Soon(func() bool { return holds() || k.err.Load() != nil }) {
		t.Fatalf("got %d of %d messages back", k.got.Load(), k.sent.Load())
	}
}
