package namespaces

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// longOutage is how long no leg of a service has come about before that is
	// logged: clients wait without a word, as they would for a server that is
	// down, and nothing else tells.
	longOutage = 20 * time.Second
	// outageAgain is when it is logged again.
	outageAgain = time.Minute
)

// outage is the time in which no leg of a route's service has come about.
type outage struct {
	mu     sync.Mutex
	since  time.Time // zero if there is none; guarded by mu
	logged time.Time // guarded by mu
}

func (o *outage) over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since, o.logged = time.Time{}, time.Time{}
}

// failed notes that a leg has not come about, and returns for how long none
// has, if that is to be logged now.
func (o *outage) failed(now time.Time) (long time.Duration, log bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		o.since = now
	}
	long = now.Sub(o.since)
	if long < longOutage || !o.logged.IsZero() && now.Sub(o.logged) < outageAgain {
		return long, false
	}
	o.logged = now
	return long, true
}

// note tells the log about outages.
func (p *split) note(service int, err error) {
	o := p.outages[service]
	if err == nil {
		o.over()
		return
	}
	if long, log := o.failed(time.Now()); log {
		p.server.Log.Warn("namespaces wait for their upstream", slog.String("route", p.route.String()),
			slog.String("upstream", p.services[service]), slog.Float64("outage_s", long.Seconds()), slog.Any("err", err))
	}
}
