package demux

import (
	"fmt"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"usher/proxy/engineio"
	"usher/proxy/leaktest"
)

// TestSizes keeps what every session costs in view.
func TestSizes(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, most uintptr
	}{
		{"Session", unsafe.Sizeof(Session{}), 448},
		{"leg", unsafe.Sizeof(leg{}), 144},
		{"space", unsafe.Sizeof(space{}), 56},
	} {
		t.Logf("%s has %d bytes", tt.name, tt.got)
		if tt.got > tt.most {
			t.Errorf("%s: got %d bytes, want at most %d", tt.name, tt.got, tt.most)
		}
	}
}

// silence is a caller that does nothing and allocates nothing.
type silence struct {
	buf  []byte
	sent int
}

func (s *silence) Ready(string)                         {}
func (s *silence) Refuse(Refusal, error)                {}
func (s *silence) ToClient(*Message)                    { s.sent++ }
func (s *silence) ToLeg(int, *Message)                  { s.sent++ }
func (s *silence) Dial(int, Target)                     {}
func (s *silence) CloseLeg(int)                         {}
func (s *silence) End(Reason, error)                    {}
func (s *silence) Append(dst []byte, m *Message) []byte { return append(dst, m.Head...) }
func (s *silence) Take(n int) []byte                    { return s.buf[:0] }
func (s *silence) Give([]byte)                          {}
func (s *silence) message(binary bool, p []byte) *Message {
	return &Message{Type: engineio.Message, Binary: binary, Head: p, Size: len(p)}
}

// idle returns a session that has joined namespaces of three services.
func idle(c *Config, stats *Stats, fx *silence, names ...string) *Session {
	s := New(c, stats, engineio.V4, fx)
	s.Start(time.Minute)
	for i, name := range names {
		s.FromClient(time.Minute, fx.message(false, []byte("0"+name+",")))
		s.LegUp(time.Minute, i, "tag")
		open := fmt.Appendf(nil, openPacket, "x")
		s.FromLeg(time.Minute, i, &Message{Type: engineio.Open, Head: open, Size: len(open)})
		s.FromLeg(time.Minute, i, fx.message(false, []byte("0"+name+`,{"sid":"s"}`)))
	}
	return s
}

func TestIdleSessionsAreSmall(t *testing.T) {
	const n = 2000
	for _, tt := range []struct {
		policy Policy
		names  []string
		most   uint64
	}{
		{Transport, []string{"/admin"}, 1024},
		{Reconnect, []string{"/admin"}, 1024},
		{Transport, []string{"/admin", "/seller", "/room-1"}, 1536},
	} {
		c := NewConfig(shop().onLoss(tt.policy))
		var stats Stats
		all := make([]*Session, n)
		before := leaktest.Heap()
		for i := range all {
			all[i] = idle(c, &stats, &silence{buf: make([]byte, 0, 1024)}, tt.names...)
			all[i].effects = nil // it is the caller's
		}
		each := (leaktest.Heap() - before) / n
		t.Logf("policy %d, %d legs: %d bytes", tt.policy, len(tt.names), each)
		if each > tt.most {
			t.Errorf("policy %d, %d legs: got %d bytes of heap a session, want at most %d", tt.policy, len(tt.names), each, tt.most)
		}
		runtime.KeepAlive(all)
	}
}

func TestEventsAllocateNothing(t *testing.T) {
	fx := &silence{buf: make([]byte, 0, 4096)}
	s := idle(NewConfig(shop()), new(Stats), fx, "/admin", "/seller")
	event := fx.message(false, []byte(`2/seller,12["event",{"a":1}]`))
	ack := fx.message(false, []byte(`3/seller,12["event",{"a":1}]`))
	for _, tt := range []struct {
		name string
		do   func()
	}{
		{"event of the client", func() { s.FromClient(time.Minute, event) }},
		{"ack of the client", func() { s.FromClient(time.Minute, ack) }},
		{"event of an upstream", func() { s.FromLeg(time.Minute, 1, event) }},
		{"ack of an upstream", func() { s.FromLeg(time.Minute, 1, ack) }},
	} {
		fx.sent = 0
		if got := testing.AllocsPerRun(100, tt.do); got != 0 {
			t.Errorf("%s: got %v allocations, want none", tt.name, got)
		}
		if fx.sent == 0 {
			t.Errorf("%s: got nothing sent", tt.name)
		}
	}
}

func TestBinaryEventsAllocateLittle(t *testing.T) {
	fx := &silence{buf: make([]byte, 0, 4096)}
	s := idle(NewConfig(shop()), new(Stats), fx, "/admin", "/seller")
	header := fx.message(false, []byte(`51-/seller,12["event",{"_placeholder":true,"num":0}]`))
	attachment := fx.message(true, make([]byte, 1000))
	for _, tt := range []struct {
		name string
		do   func()
	}{
		{"of the client", func() { s.FromClient(time.Minute, header); s.FromClient(time.Minute, attachment) }},
		{"of an upstream", func() { s.FromLeg(time.Minute, 1, header); s.FromLeg(time.Minute, 1, attachment) }},
	} {
		fx.sent = 0
		if got := testing.AllocsPerRun(100, tt.do); got > 1 { // the header's Message
			t.Errorf("%s: got %v allocations, want 1", tt.name, got)
		}
		if fx.sent != 202 {
			t.Errorf("%s: got %d messages sent, want 202", tt.name, fx.sent)
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	fx := &silence{buf: make([]byte, 0, 4096)}
	s := idle(NewConfig(shop()), new(Stats), fx, "/admin", "/seller", "/room-1")
	m := fx.message(false, []byte(`2/room-1,["event",{"a":1}]`))
	b.Run("client", func(b *testing.B) {
		for b.Loop() {
			s.FromClient(time.Minute, m)
		}
	})
	b.Run("leg", func(b *testing.B) {
		for b.Loop() {
			s.FromLeg(time.Minute, 2, m)
		}
	})
}

func (s *silence) Guarded(string) bool { return false }

func (s *silence) Judge(uint32, Plea) {}
