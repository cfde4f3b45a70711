package proxy_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"usher/proxy/upstream"
)

// sick is a backend whose /healthz says what it is told to.
type sick struct {
	*backend
	ill     atomic.Bool
	checked atomic.Int64
}

func newSick(t *testing.T) *sick {
	t.Helper()
	s := &sick{}
	s.backend = newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			echo(w, r)
			return
		}
		s.checked.Add(1)
		if s.ill.Load() {
			http.Error(w, "ill", http.StatusServiceUnavailable)
		}
	})
	return s
}

// endpointState returns the state of the nth endpoint of the first upstream.
func (b *broker) endpointState(n int) func() upstream.State {
	return func() upstream.State { return b.Stats().Upstreams[0].Endpoints[n].State }
}

const oftenChecked = "check: {path: /healthz, every: 10ms, timeout: 5s, healthy: 2, unhealthy: 2}"

func TestChecksLeadAroundASickEndpoint(t *testing.T) {
	first, second := newSick(t), newSick(t)
	text := fmt.Sprintf("upstreams: {main: {endpoints: [%s, %s], %s}}\nroutes: [{upstream: main}]\n", first.URL, second.URL, oftenChecked)
	b := newTestBroker(t, text)
	c, _ := b.dial(t, "/", nil) // comes to the first
	wantSoon(t, "state", upstream.Healthy, b.endpointState(0))
	first.ill.Store(true)
	wantSoon(t, "state", upstream.Unhealthy, b.endpointState(0))
	for range 4 {
		b.dial(t, "/", nil)
	}
	if s := b.Stats().Upstreams[0].Endpoints; s[0].Sessions != 1 || s[1].Sessions != 4 {
		t.Errorf("sessions: got %d and %d, want 1 and 4", s[0].Sessions, s[1].Sessions)
	}
	wantEcho(t, c, 1, []byte("what is open stays"))

	second.ill.Store(true)
	wantSoon(t, "state", upstream.Unhealthy, b.endpointState(1))
	exchange(t, b.address, upgradeHead).wantStatus(t, http.StatusServiceUnavailable)

	first.ill.Store(false)
	wantSoon(t, "state", upstream.Healthy, b.endpointState(0))
	b.dial(t, "/", nil)
	wantEcho(t, c, 1, []byte("still open"))
	if n := len(b.log.lines(t, "endpoint state")); n != 5 {
		t.Errorf("lines about endpoints: got %d, want one for each change, which are 5\n%s", n, b.log)
	}
}

// An endpoint that a reload keeps is checked on, one that it drops is not.
func TestReloadOfChecks(t *testing.T) {
	first, second := newSick(t), newSick(t)
	text := func(backend *sick, check string) string {
		return fmt.Sprintf("upstreams: {main: {endpoints: [%s, %s]%s}}\nroutes: [{upstream: main}]\n", first.URL, backend.URL, check)
	}
	first.ill.Store(true)
	third := newSick(t)
	b := newTestBroker(t, text(second, ", "+oftenChecked))
	wantSoon(t, "state", upstream.Unhealthy, b.endpointState(0))
	wantSoon(t, "state", upstream.Healthy, b.endpointState(1))
	b.reload(t, text(third, ", "+oftenChecked))
	if got := b.endpointState(0)(); got != upstream.Unhealthy {
		t.Errorf("endpoint that stays: got %s, want unhealthy", got)
	}
	wantSoon(t, "state", upstream.Healthy, b.endpointState(1))
	n := second.checked.Load()
	wantSoon(t, "checks of the one that stays", true, func() bool { return first.checked.Load() > n+10 })
	if got := second.checked.Load(); got > n+1 { // one may have been under way
		t.Errorf("checks of the one that is gone: got %d after the reload, want none", got-n)
	}
	b.reload(t, text(third, ""))
	if got := b.endpointState(0)(); got != upstream.Healthy {
		t.Errorf("endpoint that is checked no more: got %s, want healthy", got)
	}
}
