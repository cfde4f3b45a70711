package upstream

import (
	"errors"
	"testing"
	"time"

	"usher/proxy/config"
)

// fail opens the circuit of the nth member at now, after so many failures, each
// of somebody who was let through.
func (u *Upstream) fail(n int, now time.Time, failures int) {
	for range failures {
		u.members[n].change(now, func(h *health) { h.trying = true; h.undialled(now, 0) })
	}
}

func mustPickAt(t *testing.T, u *Upstream, now time.Time) *Endpoint {
	t.Helper()
	e, err := u.pick(now, choice{tries: new(Tries)})
	if err != nil {
		t.Fatalf("pick: got %v, want an endpoint", err)
	}
	return e
}

// Until the one that is let through has come back, nobody else is.
func TestOneIsLetThrough(t *testing.T) {
	u := newWeighted(t, config.RoundRobin, 1, 1)
	now := time.Unix(1e9, 0)
	u.fail(0, now, 1)
	for i, tt := range []struct {
		after time.Duration
		want  string
	}{
		{0, "bbbb"},
		{firstDelay - 1, "bbbb"},
		{firstDelay, "abbb"},
		{2*firstDelay - 1, "bbbb"},
		{2 * firstDelay, "abbb"},
	} {
		// Whose turn it is does not matter here: the other's is used up.
		u.members[0].turn, u.members[1].turn = 0, 0
		var got []*Endpoint
		for range len(tt.want) {
			got = append(got, mustPickAt(t, u, now.Add(tt.after)))
		}
		if s := letters(got); s != tt.want {
			t.Errorf("%d, %v after the failure: got %s, want %s", i, tt.after, s, tt.want)
		}
	}
}

func TestWhoIsTriedWhenAllFail(t *testing.T) {
	now := time.Unix(1e9, 0)
	for want, failures := range map[string][]int{"a:1": {1, 2, 3}, "b:1": {3, 1, 2}, "c:1": {2, 3, 1}} {
		u := newWeighted(t, config.RoundRobin, 1, 1, 1)
		for i, n := range failures {
			u.fail(i, now, n)
		}
		if got := mustPickAt(t, u, now); got.Address != want {
			t.Errorf("failures %v: got %s, want %s, which is due first", failures, got.Address, want)
		}
	}
}

// An endpoint that has failed is no help if it is full or disabled.
func TestNobodyIsLeft(t *testing.T) {
	now := time.Unix(1e9, 0)
	u := newWeighted(t, config.RoundRobin, 1, 1)
	u.fail(0, now, 1)
	u.fail(1, now, 1)
	u.members[0].max = 1
	u.members[0].sessions.Store(1)
	u.members[1].Disable(true)
	if _, err := u.pick(now, choice{session: true, tries: new(Tries)}); !errors.Is(err, ErrFull) {
		t.Errorf("one is full, one disabled: got %v, want ErrFull", err)
	}
}
