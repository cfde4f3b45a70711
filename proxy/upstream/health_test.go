package upstream

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy/config"
)

// A step is something that happens to an endpoint, and what it leads to.
type step struct {
	what  string
	do    func(h *health, now time.Time)
	after time.Duration // since the last step
	want  State
	retry time.Duration // from now until the circuit lets somebody through; 0 if it is closed
}

func undialled(h *health, now time.Time)  { h.undialled(now, 0) }
func unanswered(h *health, now time.Time) { h.unanswered(now, 0) }
func dialled(h *health, _ time.Time)      { h.dialled() }
func answered(h *health, now time.Time)   { h.answered(now) }
func try(h *health, now time.Time)        { h.try(now) }

func TestCircuit(t *testing.T) {
	for name, steps := range map[string][]step{
		"the delay doubles": {
			{"a failure", undialled, 0, CircuitOpen, 250 * time.Millisecond},
			{"another", undialled, time.Second, CircuitOpen, 500 * time.Millisecond},
			{"another", undialled, time.Second, CircuitOpen, time.Second},
			{"a connection", dialled, time.Second, Healthy, 0},
			{"a failure again", undialled, time.Second, CircuitOpen, 250 * time.Millisecond},
		},
		"one try for each delay": {
			{"a failure", undialled, 0, CircuitOpen, 250 * time.Millisecond},
			{"a try too early", try, 100 * time.Millisecond, CircuitOpen, 150 * time.Millisecond},
			{"a try in time", try, 150 * time.Millisecond, CircuitOpen, 250 * time.Millisecond},
			{"another", try, 10 * time.Millisecond, CircuitOpen, 240 * time.Millisecond},
			{"the first gets through", dialled, time.Millisecond, Healthy, 0},
		},
		"a thousand at once are one": {
			{"a failure", undialled, 0, CircuitOpen, 250 * time.Millisecond},
			{"one that began before", undialled, time.Millisecond, CircuitOpen, 249 * time.Millisecond},
			{"another of those", undialled, 0, CircuitOpen, 249 * time.Millisecond},
			{"a try in time", try, 249 * time.Millisecond, CircuitOpen, 250 * time.Millisecond},
			{"it fails", undialled, 10 * time.Millisecond, CircuitOpen, 500 * time.Millisecond},
			{"one that was slower", undialled, 10 * time.Millisecond, CircuitOpen, 490 * time.Millisecond},
		},
		"silence counts when there is much of it": {
			{"one", unanswered, 0, Healthy, 0},
			{"two", unanswered, 0, Healthy, 0},
			{"an answer", answered, 0, Healthy, 0},
			{"one", unanswered, answerHolds, Healthy, 0},
			{"two", unanswered, 0, Healthy, 0},
			{"three", unanswered, 0, Healthy, 0},
			{"four", unanswered, 0, Healthy, 0},
			{"five", unanswered, 0, CircuitOpen, 250 * time.Millisecond},
			{"it accepts a connection", dialled, 0, CircuitOpen, 250 * time.Millisecond},
			{"six", unanswered, 0, CircuitOpen, 500 * time.Millisecond},
			{"an answer", answered, 0, Healthy, 0},
		},
		"silence beside answers is the doing of who asks": {
			{"an answer", answered, 0, Healthy, 0},
			{"one", unanswered, 0, Healthy, 0},
			{"two", unanswered, time.Second, Healthy, 0},
			{"three", unanswered, time.Second, Healthy, 0},
			{"four", unanswered, time.Second, Healthy, 0},
			{"five", unanswered, time.Second, Healthy, 0},
			{"six", unanswered, time.Second, Healthy, 0},
			{"one when the answer is old", unanswered, answerHolds - 5*time.Second, Healthy, 0},
			{"two", unanswered, 0, Healthy, 0},
			{"three", unanswered, 0, Healthy, 0},
			{"four", unanswered, 0, Healthy, 0},
			{"five", unanswered, 0, CircuitOpen, 250 * time.Millisecond},
			{"a failure to connect counts at once", undialled, time.Second, CircuitOpen, 250 * time.Millisecond},
		},
		"an answer is no connection": {
			{"an answer", answered, 0, Healthy, 0},
			{"a failure", undialled, time.Millisecond, CircuitOpen, 250 * time.Millisecond},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var h health
			now := time.Unix(1e9, 0)
			for i, s := range steps {
				now = now.Add(s.after)
				s.do(&h, now)
				retry := time.Duration(0)
				if !h.until.IsZero() {
					retry = h.until.Sub(now)
				}
				if h.state() != s.want || retry != s.retry {
					t.Errorf("step %d, %s: got %s, next try in %v, want %s, %v", i, s.what, h.state(), retry, s.want, s.retry)
				}
			}
		})
	}
}

func TestDelayIsBounded(t *testing.T) {
	var h health
	now := time.Unix(1e9, 0)
	for n := range 100 {
		now = now.Add(lastDelay)
		h.undialled(now, 0)
		if d := h.until.Sub(now); d < firstDelay || d > lastDelay || n > 10 && d != lastDelay {
			t.Fatalf("delay after failure %d: got %v", n+1, d)
		}
	}
	now = now.Add(lastDelay)
	h.undialled(now, 0.999999)
	if d := h.until.Sub(now); d < lastDelay/2 || d > lastDelay*51/100 {
		t.Errorf("delay with most jitter: got %v, want half of %v", d, lastDelay)
	}
}

func TestVerdictOfChecks(t *testing.T) {
	for _, tt := range []struct {
		outcomes string // of checks: + or -
		want     string // verdicts behind each
	}{
		{"+", "+"},
		{"-", "-"},
		{"+--+---", "+++++" + "+-"},
		{"---+-++", "------+"},
		{"-++-+--", "--+++++"},
	} {
		h := health{verdict: awaited}
		var got strings.Builder
		for _, c := range tt.outcomes {
			h.checked(c == '+', 2, 3)
			got.WriteString(map[verdict]string{passing: "+", failing: "-"}[h.verdict])
		}
		if got.String() != tt.want {
			t.Errorf("verdicts after %s: got %s, want %s", tt.outcomes, got.String(), tt.want)
		}
	}
}

// newDialled returns an upstream whose endpoints are reached if up says so.
func newDialled(t *testing.T, up map[string]bool, addresses ...string) *Upstream {
	t.Helper()
	u := newTestUpstream(t, config.RoundRobin, addresses...)
	u.settings.Random = func() float64 { return 0 }
	u.settings.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
		if !up[address] {
			return nil, syscall.ECONNREFUSED
		}
		a, b := net.Pipe()
		t.Cleanup(func() { a.Close(); b.Close() })
		return a, nil
	}
	return u
}

// reach returns which endpoints n sessions in a row come to.
func (u *Upstream) reach(t *testing.T, n int) string {
	t.Helper()
	var got []string
	for range n {
		e, conn, err := u.DialNext(t.Context(), new(Tries))
		if err != nil {
			got = append(got, "none")
			continue
		}
		conn.Close()
		e.Release()
		got = append(got, e.Address)
	}
	return strings.Join(got, " ")
}

func wantReached(t *testing.T, u *Upstream, why, want string) {
	t.Helper()
	if got := u.reach(t, len(strings.Fields(want))); got != want {
		t.Errorf("%s: got %s, want %s", why, got, want)
	}
}

func TestEndpointThatFailsIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := map[string]bool{"a:1": true, "b:1": true}
		u := newDialled(t, up, "a:1", "b:1")
		if s := u.stats().Endpoints[0]; s.State != Unchecked || !s.LastErrorAt.IsZero() {
			t.Errorf("endpoint that nobody has asked: got %s with an error at %v, want unchecked and none", s.State, s.LastErrorAt)
		}
		wantReached(t, u, "both are up", "a:1 b:1")
		if got := u.stats().Endpoints[0].State; got != Healthy {
			t.Errorf("endpoint that was reached: got %s, want healthy", got)
		}
		up["a:1"] = false
		wantReached(t, u, "one is down", "b:1 b:1 b:1")
		s := u.stats().Endpoints[0]
		if s.State != CircuitOpen || s.DialFailures["refused"] != 1 || s.LastError != "dial a:1: connection refused" {
			t.Errorf("endpoint that is down: got %+v, want one refusal and an open circuit", s)
		}
		time.Sleep(time.Second)
		wantReached(t, u, "it is tried again", "b:1 b:1 b:1")
		for _, checks := range []verdict{failing, notChecked} { // they find out later than clients
			u.members[0].change(time.Now(), func(h *health) { h.verdict = checks })
			if again := u.stats().Endpoints[0]; !again.Down.Equal(s.Since) || again.Since.Equal(s.Since) {
				t.Errorf("endpoint that is %s: got %v, and down since %v, want that since %v", again.State, again.Since, again.Down, s.Since)
			}
		}
		if n := u.stats().Endpoints[0].DialFailures["refused"]; n != 2 {
			t.Errorf("refusals: got %d, want 2", n)
		}
		failed := time.Now()
		up["a:1"] = true
		time.Sleep(time.Second)
		wantReached(t, u, "it is back", "b:1 a:1 b:1")
		if s := u.stats().Endpoints[0]; s.State != Healthy || !s.Since.Equal(time.Now()) || !s.LastErrorAt.Equal(failed) {
			t.Errorf("endpoint that is back: got %s since %v with an error at %v, want healthy since now, and it failed at %v", s.State, s.Since, s.LastErrorAt, failed)
		}
	})
}

// To try is better than to refuse.
func TestWhenAllFailTheFirstToBeTriedIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := map[string]bool{}
		u := newDialled(t, up, "a:1", "b:1")
		wantReached(t, u, "nobody is up", "none none none none")
		up["b:1"] = true
		wantReached(t, u, "the second is up again", "b:1 b:1")
	})
}

func TestDisabledEndpointIsNotChosen(t *testing.T) {
	u := newDialled(t, map[string]bool{"a:1": true, "b:1": true}, "a:1", "b:1")
	a := u.Endpoints()[0]
	held := mustPick(t, u)
	a.Disable(true)
	if !a.Disabled() || u.Endpoints()[1].Disabled() {
		t.Errorf("disabled: got %t and %t, want the first alone", a.Disabled(), u.Endpoints()[1].Disabled())
	}
	wantReached(t, u, "one is disabled", "b:1 b:1 b:1")
	if got := a.State(); got != Draining {
		t.Errorf("state with a session: got %s, want %s", got, Draining)
	}
	held.Release()
	if got := a.State(); got != Disabled {
		t.Errorf("state without a session: got %s, want %s", got, Disabled)
	}
	u.Endpoints()[1].Disable(true)
	if _, err := u.Pick(t.Context(), new(Tries)); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("both disabled: got %v, want ErrNoEndpoint", err)
	}
	a.Disable(false)
	wantReached(t, u, "it is enabled again", "a:1 a:1")
}

// What is not the endpoint's fault is counted, but not against it.
func TestFaultsOfOthers(t *testing.T) {
	u := newTestUpstream(t, config.RoundRobin, "a:1")
	u.settings.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.EMFILE }
	if _, _, err := u.DialNext(t.Context(), new(Tries)); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("Dial: got %v, want EMFILE", err)
	}
	if s := u.stats().Endpoints[0]; s.State != Unchecked || s.DialFailures["local"] != 1 {
		t.Errorf("endpoint: got %+v, want it as unchecked as before, and a local failure", s)
	}
}

func TestKindsOfFailure(t *testing.T) {
	for _, tt := range []struct {
		err     error
		secured bool
		want    string
	}{
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false, "refused"},
		{syscall.ENOENT, false, "refused"},
		{context.DeadlineExceeded, false, "timeout"},
		{syscall.ETIMEDOUT, false, "timeout"},
		{syscall.EHOSTUNREACH, false, "unreachable"},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, false, "name"},
		{&net.DNSError{Err: "i/o timeout", IsTimeout: true}, false, "timeout"},
		{errors.New("x509: unknown authority"), true, "tls"},
		{syscall.EADDRNOTAVAIL, false, "local"},
		{syscall.ECONNRESET, false, "other"},
	} {
		e := DialError{Err: tt.err}
		if got := e.kind(t.Context(), tt.secured).String(); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.err, got, tt.want)
		}
	}
}
