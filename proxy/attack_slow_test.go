//go:build unix

package proxy_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/ws"
)

// flood pushes text to its clients for as long as it is taken.
type flood struct {
	message []byte
	sent    atomic.Int64 // bytes, to all
	through atomic.Int64 // clients to whom far more has gone than all buffers on the way hold
}

func (f *flood) play(c net.Conn, r *http.Request) {
	const enough = 16 << 20
	c.SetDeadline(time.Now().Add(2 * patience))
	io.WriteString(c, accepted(r))
	for total := 0; total < enough; {
		n, err := c.Write(f.message)
		f.sent.Add(int64(n))
		if total += n; err != nil {
			return // the test is over
		}
	}
	f.through.Add(1)
}

// wantHeld waits until nothing moves any more: of two looks the second sees what
// the first has seen.
func (f *flood) wantHeld(t *testing.T) {
	t.Helper()
	const quiet = time.Second
	for last, deadline := int64(0), time.Now().Add(patience); ; time.Sleep(quiet) {
		now := f.sent.Load()
		if now > 0 && now == last {
			break
		}
		if last = now; time.Now().After(deadline) {
			t.Fatalf("upstreams: got them still sending after %v, and %d bytes", patience, now)
		}
	}
	if n := f.through.Load(); n != 0 {
		t.Errorf("upstreams that were not held up: got %d, want none", n)
	}
}

// Row 40 of the attacks: whoever reads nothing of what a flooding upstream sends
// costs the one buffer that relay promises, and holds up nobody else. The sockets
// are of the unix kind, as TCP's buffers of so many are more than the system has.
func TestAttack40SlowReaders(t *testing.T) {
	const buffer, rest = 64 << 10, 16 << 10 // the high watermark; what else a session has here, both peers' ends of it included
	many := 200
	if os.Getenv("USHER_FULL_TESTS") != "" {
		many = 2000
	}
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "up"))
	if err != nil {
		t.Fatal(err)
	}
	pushes := &flood{message: ws.AppendFrame(nil, ws.Text, bytes.Repeat([]byte("a"), 4<<10), nil)}
	push := runTestScript(t, l, "unix:"+l.Addr().String(), pushes.play)
	other := newTestBackend(t, echo)
	path := filepath.Join(dir, "usher")
	b := newTestBroker(t, fmt.Sprintf("listen: 'unix:%s'\nwrite_timeout: 10m\nupstreams: {push: '%s', other: %s}\nroutes:\n  - {path: /push, upstream: push}\n  - {path: /, upstream: other}\n", path, push.url, other.URL))
	fast := dialUnix(t, path, "ws://a/ws", nil)
	wantEcho(t, fast, websocket.TextMessage, []byte("before"))
	before := heapAllocated()
	head := changed(t, "/ws", "/push")
	batches(t, many, func(int) {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Errorf("dial: %v", err)
			return
		}
		t.Cleanup(func() { c.Close() })
		io.WriteString(c, head)
	})
	for range 100 {
		wantEcho(t, fast, websocket.TextMessage, []byte("not held up"))
	}
	b.wantSessions(t, many+1)
	pushes.wantHeld(t)
	each := int64(heapAllocated()-before) / int64(many)
	if each < buffer/2 || each > buffer+rest {
		t.Errorf("memory of a session: got %d bytes, want its buffer, and at most %d", each, buffer+rest)
	}
	t.Logf("%d sessions of %d bytes each", many, each)
	for range 100 {
		wantEcho(t, fast, websocket.TextMessage, []byte("not held up"))
	}
	wantStay(t, b, many+1)
}

// wantStay wants so many sessions still there.
func wantStay(t *testing.T, b *broker, want int) {
	t.Helper()
	if got := b.Stats().Sessions.Open; got != want {
		t.Errorf("sessions: got %d, want all %d", got, want)
	}
}

func heapAllocated() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
