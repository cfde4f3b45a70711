package auth

import (
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// outage is since when somebody who must be asked cannot be, and why.
type outage struct {
	mu    sync.Mutex
	since time.Time // zero for not at all; guarded by mu
	err   error     // the last one; guarded by mu
	kept  bool      // guarded by mu: as in Outage
}

// note notes what came of a question, and tells the log when an outage begins and
// when it ends.
func (o *outage) note(err error, log *slog.Logger, who string) {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // which does not repeat the query
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil && !o.since.IsZero():
		log.Info("auth can be asked again", "url", who, "outage_s", time.Since(o.since).Seconds())
		o.since = time.Time{}
	case err != nil && o.since.IsZero():
		log.Warn("auth cannot be asked", "url", who, "error", err)
		o.since = time.Now()
	}
	o.err = err
}

// keeps notes that what was said now counts also in an outage.
func (o *outage) keeps() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = true
}

// Outage is somebody who decides on who may come in, and cannot be asked.
type Outage struct {
	Kind  string // of auth
	URL   string // without its query, which may hold a secret
	Since time.Time
	Err   error
	Kept  bool // what it has said before counts
}

// Outages returns those of what the routes file asks.
func (k *Keeper) Outages() (list []Outage) {
	k.mu.Lock()
	asked := k.asks
	k.mu.Unlock()
	for at, o := range asked {
		o.mu.Lock()
		if !o.since.IsZero() {
			list = append(list, Outage{at.kind, shown(at.url), o.since, o.err, o.kept})
		}
		o.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b Outage) int { return strings.Compare(a.Kind+a.URL, b.Kind+b.URL) })
	return list
}
