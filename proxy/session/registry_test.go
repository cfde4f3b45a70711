package session

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"
)

func newTestRegistry() *Registry { return NewRegistry(func(*Session, End) {}) }

func TestRegistryKeepsTheLastEnds(t *testing.T) {
	r := newTestRegistry()
	for i := range keptEnds + 7 {
		s := r.Open(Info{ID: fmt.Sprint(i)})
		s.End(End{Code: uint16(i)})
		if s.End(End{}) {
			t.Fatal("second End: got true, want false")
		}
	}
	ended := r.Ended()
	if len(ended) != keptEnds {
		t.Fatalf("got %d ended sessions, want %d", len(ended), keptEnds)
	}
	for i, e := range ended {
		if want := fmt.Sprint(keptEnds + 6 - i); e.ID != want || fmt.Sprint(e.Code) != want {
			t.Fatalf("place %d: got session %s with code %d, want %s", i, e.ID, e.Code, want)
		}
	}
	if s := r.Stats(); s.Open != 0 || s.Opened != keptEnds+7 || s.Duplicates != keptEnds+7 {
		t.Errorf("stats: got %+v", s)
	}
}

func TestRegistryLive(t *testing.T) {
	r := newTestRegistry()
	var open []*Session
	for range 5 {
		open = append(open, r.Open(Info{}))
	}
	open[2].End(End{})
	var got []uint64
	for _, s := range r.Live() {
		got = append(got, s.Number)
	}
	if want := []uint64{5, 4, 2, 1}; !reflect.DeepEqual(got, want) {
		t.Errorf("live: got %v, want %v, the newest first", got, want)
	}
	if n := len(r.Ended()); n != 1 {
		t.Errorf("ended: got %d, want 1", n)
	}
}

func TestTotals(t *testing.T) {
	r := newTestRegistry()
	a := r.Open(Info{Route: "/a", Upstream: "main", Handshake: 3 * time.Millisecond, Dial: time.Minute})
	r.Open(Info{Route: "/a", Upstream: "main", Handshake: 2 * time.Millisecond})
	r.Open(Info{Route: "/b", Upstream: "main"}).End(End{Cause: Cause{Client, Closed}, Code: 4242})
	a.FromClient.Messages.Add(3)
	a.FromUpstream.Bytes.Add(9)
	live := r.Totals()
	a.End(End{Cause: Cause{Usher, Idle}, Code: 1001})
	for i, totals := range [][]Total{live, r.Totals()} {
		if len(totals) != 2 || totals[0].Route != "/a" || totals[1].Route != "/b" {
			t.Fatalf("got %+v, want /a and /b", totals)
		}
		got := totals[0]
		if got.Opened != 2 || got.Open != 2-i || got.FromClient.Messages != 3 || got.FromUpstream.Bytes != 9 || len(got.Ends) != i {
			t.Errorf("/a with %d ended: got %+v", i, got)
		}
		if b := got.Handshake.Buckets(); got.Handshake.Count != 2 || got.Handshake.Sum != 5*time.Millisecond || b[0.001] != 0 || b[0.0025] != 1 || b[0.005] != 2 || b[10] != 2 {
			t.Errorf("handshakes: got %+v %v", got.Handshake, b)
		}
		if b := got.Dial.Buckets(); got.Dial.Count != 2 || b[10] != 1 {
			t.Errorf("dials: got %+v %v", got.Dial, b)
		}
		if n := totals[1].Ends[Outcome{Cause{Client, Closed}, "4xxx"}]; n != 1 {
			t.Errorf("ends of /b: got %v, want one closed with 4xxx", totals[1].Ends)
		}
	}
}

// TestTotalsAreBounded has ever new routes, as reloads may bring.
func TestTotalsAreBounded(t *testing.T) {
	r := newTestRegistry()
	for i := range 3 * MaxApart {
		r.Open(Info{Route: fmt.Sprint(i)}).End(End{})
	}
	totals := r.Totals()
	if len(totals) != MaxApart+1 {
		t.Errorf("got %d totals, want %d", len(totals), MaxApart+1)
	}
	opened := uint64(0)
	for _, one := range totals {
		opened += one.Opened
	}
	if opened != 3*MaxApart {
		t.Errorf("got %d opened in all, want %d", opened, 3*MaxApart)
	}
}

// TestTotalsNeverFall reads while sessions end: what was counted stays.
func TestTotalsNeverFall(t *testing.T) {
	r := newTestRegistry()
	var ends sync.WaitGroup
	for range 4 {
		ends.Go(func() {
			for range 500 {
				s := r.Open(Info{})
				s.FromClient.Messages.Add(1)
				s.End(End{})
			}
		})
	}
	before := uint64(0)
	for range 500 {
		for _, one := range r.Totals() {
			if one.FromClient.Messages < before {
				t.Fatalf("messages fell from %d to %d", before, one.FromClient.Messages)
			}
			before = one.FromClient.Messages
		}
	}
	ends.Wait()
	if got := r.Totals()[0].FromClient.Messages; got != 2000 {
		t.Errorf("got %d messages, want 2000", got)
	}
}

func TestCodeLabel(t *testing.T) {
	labels := make(map[string]bool)
	for code := range 1 << 16 {
		labels[codeLabel(uint16(code))] = true
	}
	if len(labels) != 16 {
		t.Errorf("got %d labels, want 16: %v", len(labels), labels)
	}
	for code, want := range map[uint16]string{0: "none", 1000: "1000", 1004: "other", 1006: "other", 1014: "1014", 1015: "other", 3000: "3xxx", 4999: "4xxx", 5000: "other"} {
		if got := codeLabel(code); got != want {
			t.Errorf("%d: got %q, want %q", code, got, want)
		}
	}
}

func TestMarks(t *testing.T) {
	key := [32]byte{1}
	m := NewMarker(key, []string{"X-User-Id"})
	s := newTestRegistry().Open(Info{Marks: m.Marks(map[string][]string{"X-User-Id": {"7", "8"}, "Cookie": {"9"}})})
	for _, tt := range []struct {
		marker      *Marker
		name, value string
		want        bool
	}{
		{m, "x-user-id", "7", true},
		{m, "X-User-Id", "8", true},
		{m, "X-User-Id", "9", false},
		{m, "Cookie", "9", false},
		{NewMarker(key, nil), "X-User-Id", "7", true},
		{NewMarker([32]byte{2}, nil), "X-User-Id", "7", false},
	} {
		if got := s.Marked(tt.marker.Mark(tt.name, tt.value)); got != tt.want {
			t.Errorf("%s: %s: got %t, want %t", tt.name, tt.value, got, tt.want)
		}
	}
}

func TestIdle(t *testing.T) {
	began := time.Now()
	s := newTestRegistry().Open(Info{Started: began})
	if got := s.Idle(began.Add(time.Minute)); got != time.Minute {
		t.Errorf("before any data: got %v, want 1m", got)
	}
	s.FromUpstream.Last.Store(began.Add(20 * time.Second).UnixNano())
	if got := s.Idle(began.Add(time.Minute)); got != 40*time.Second {
		t.Errorf("got %v, want 40s", got)
	}
	if got := s.Idle(began); got != 0 {
		t.Errorf("with a clock behind: got %v, want 0", got)
	}
}
