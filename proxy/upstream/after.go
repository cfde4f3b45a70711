package upstream

import (
	"fmt"
	"strings"
)

// WaitError says that an upstream takes no sockets yet.
type WaitError struct {
	Upstream string
	For      []string // upstreams that are not healthy
}

// Error names the upstreams, and nothing else that is internal.
func (e *WaitError) Error() string {
	verb := "which is"
	if len(e.For) > 1 {
		verb = "which are"
	}
	return fmt.Sprintf("upstream %s waits for %s, %s not healthy", e.Upstream, strings.Join(e.For, " and "), verb)
}

// Waits returns a *WaitError if an upstream that u comes after is not healthy,
// be it not yet or not any more. Sessions that are open are not concerned.
func (u *Upstream) Waits() error {
	if missing := u.missing(); len(missing) > 0 {
		return &WaitError{Upstream: u.Name, For: missing}
	}
	return nil
}

func (u *Upstream) missing() (names []string) {
	for _, before := range u.after {
		if !before.healthy() {
			names = append(names, before.Name)
		}
	}
	return names
}

// healthy reports whether checks have found an endpoint of u healthy that an
// operator has not disabled. The circuit has no say: nobody but those who want
// to connect would close it.
func (u *Upstream) healthy() bool {
	for i := range u.members {
		if u.members[i].passes() {
			return true
		}
	}
	return false
}

func (e *Endpoint) passes() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.health.disabled && e.health.verdict == passing
}
