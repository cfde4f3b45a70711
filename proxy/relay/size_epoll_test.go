//go:build linux && !portable

package relay

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/ws"
)

// What a session costs. The portable poller needs more: a goroutine for each
// socket, and closures.

// What stands in memory for each idle session: the allocator has a size of
// exactly this.
func TestSize(t *testing.T) {
	if n := unsafe.Sizeof(pair{}); n > 416 {
		t.Errorf("got a pair of %d bytes, want at most 416", n)
	}
}

// What a client costs that is half way to a session: its seat, slot and alarm.
// The allocator has a size of exactly this.
func TestSeatSize(t *testing.T) {
	if n := unsafe.Sizeof(Seat{}); n > 192 {
		t.Errorf("got a seat of %d bytes, want at most 192", n)
	}
	h, v := newHarness(t), &visitor{}
	const seats = 4000
	fds := make([]int, 0, 2*seats)
	for range seats {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Skip(err)
		}
		fds = append(fds, pair[:]...)
	}
	before := heapSize()
	all := make([]*Seat, seats)
	for i := range all {
		all[i] = newSeat(h.loop, v)
		all[i].socket.fd = fds[2*i]
		if err := h.loop.settleIn(all[i]); err != nil {
			t.Fatal(err)
		}
		all[i].Wake(time.Hour)
		rawWrite(fds[2*i+1], []byte("GET / HTTP/1.1"))
	}
	h.step()
	if v.takes != seats {
		t.Errorf("got %d takes, want %d", v.takes, seats)
	}
	if each := (heapSize() - before - int64(len(v.got))) / seats; each > 320 {
		t.Errorf("got %d bytes of heap for a seat, want at most 320", each)
	} else {
		t.Logf("%d bytes of heap for a seat", each)
	}
	for i, s := range all {
		s.Close()
		unix.Close(fds[2*i+1])
	}
}

// What one read brings for one place leaves in one write, and nothing is
// allocated for it.
func TestFanAllocatesNothing(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main, admin := h.join(c, "/", 0), h.join(c, "/admin", 1)
	fds := map[*peer]int{}
	for _, p := range []*peer{c, main, admin} {
		p.withFD(func(fd int) { fds[p] = fd })
	}
	event := `42["` + strings.Repeat("x", 120) + `"]`
	big := `42["` + strings.Repeat("x", 4000) + `"]`
	other := `42/admin,["` + strings.Repeat("x", 120) + `"]`
	buf := make([]byte, 64<<10)
	turn := func() { h.loop.turn(h.now, h.loop.poller.wait(0, h.loop.noted)) }
	for _, tc := range []struct {
		name string
		to   *peer
		from []*peer
		what [][]byte
		same bool
	}{
		{"to a leg", main, []*peer{c}, [][]byte{c.frame(ws.Text, event)}, true},
		{"to a leg, more than a head", main, []*peer{c}, [][]byte{c.frame(ws.Text, big)}, true},
		{"to a leg, several", main, []*peer{c}, [][]byte{bytes.Repeat(c.frame(ws.Text, event), 10)}, true},
		{"to the client", c, []*peer{main}, [][]byte{main.frame(ws.Text, event)}, true},
		{"to the client, several", c, []*peer{main}, [][]byte{bytes.Repeat(main.frame(ws.Text, event), 10)}, true},
		{"to the client, of two legs", c, []*peer{main, admin}, [][]byte{main.frame(ws.Text, event), admin.frame(ws.Text, other)}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			size := 0
			for _, b := range tc.what {
				size += len(b)
			}
			n := testing.AllocsPerRun(100, func() {
				for i, p := range tc.from {
					rawWrite(fds[p], tc.what[i])
				}
				turn()
				if n := rawRead(fds[tc.to], buf); n != size || tc.same && !bytes.Equal(buf[:n], tc.what[0]) {
					t.Fatalf("got %d bytes in one turn, want the %d that were sent", n, size)
				}
			})
			if n != 0 {
				t.Errorf("got %v allocations, want none", n)
			}
		})
	}
}

// A fan that is at rest keeps no buffers.
func TestFanIdleMemory(t *testing.T) {
	h := newHarness(t)
	o := &FanOptions{Demux: demux.NewConfig(chatty), Counts: &demux.Stats{}, Client: &Options{MaxMessage: 1 << 20}, Upstream: &Options{}}
	const fans = 200
	add := func() *fanHarness {
		f := &fanHarness{harness: h, options: o, version: engineio.V4}
		f.start()
		c := f.connect()
		f.join(c, "/", 0)
		return f
	}
	for range fans / 10 { // what is made once for all is there then
		add()
	}
	before := heapSize()
	all := make([]*fanHarness, fans)
	for i := range all {
		all[i] = add()
	}
	h.step()
	peers := 2 * fans * 700 // what the test's own ends take, roughly
	if each := (heapSize() - before - int64(peers)) / fans; each > 4<<10 {
		t.Errorf("got %d bytes of heap for an idle fan of one leg, want at most 4 KiB", each)
	}
}
