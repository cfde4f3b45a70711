package upstream

import "time"

// State is whether an endpoint is chosen for new sessions, and if not, why.
type State string

// The states of an endpoint.
const (
	Healthy     State = "healthy"      // it is chosen
	Unchecked   State = "unchecked"    // it is chosen, but neither a check nor a client has yet found out how it is
	Unhealthy   State = "unhealthy"    // its checks fail
	CircuitOpen State = "circuit_open" // connections to it fail; it is tried from time to time
	Draining    State = "draining"     // an operator has disabled it; sessions are still open on it
	Disabled    State = "disabled"     // likewise; none are
)

const (
	// firstDelay and lastDelay bound the time for which an endpoint that fails
	// is passed over; it doubles with each failure.
	firstDelay = 250 * time.Millisecond
	lastDelay  = 30 * time.Second
	// maxSilent is how many handshakes in a row may stay without an answer
	// before the circuit opens. More than one, as that may also be the doing of
	// a client: some requests take a server long.
	maxSilent = 5
	// answerHolds is for how long an answer speaks for a server that leaves
	// others without one. Otherwise a client could open the circuit of a server
	// that is well, by requests that it destroys.
	answerHolds = 10 * time.Second
)

// verdict is what the checks say.
type verdict uint8

const (
	notChecked verdict = iota // there are none
	awaited                   // the first has not ended
	passing
	failing
)

// health is what is known of an endpoint. It is changed by what happens, at
// times that it is told.
type health struct {
	disabled bool
	asked    bool // by a check or a client
	recalled bool // so another process has said
	verdict  verdict
	streak   int // checks in a row that speak against the verdict

	failed int       // dials in a row
	silent int       // handshakes in a row without an answer
	heard  time.Time // the last answer; zero for none
	until  time.Time // the circuit is open, and nobody tries before; zero if it is closed
	trying bool      // somebody was let through since it opened
	down   time.Time // no connection comes about, or checks fail, since then; zero if it is not so

	since  time.Time // the state is what it is
	warm   time.Time // slow start begins here; zero for none
	last   string    // text of the last error
	lastAt time.Time // when that was
}

func (h *health) state() State {
	switch {
	case h.disabled:
		return Disabled
	case h.verdict == failing:
		return Unhealthy
	case !h.until.IsZero():
		return CircuitOpen
	case h.verdict == awaited || h.verdict == notChecked && !h.asked:
		return Unchecked
	}
	return Healthy
}

// chosen reports whether an endpoint in state s is chosen without more ado.
func (s State) chosen() bool { return s == Healthy || s == Unchecked }

// settle notes since when an endpoint is down, or that it is not. One that takes
// connections and gives no answer is up: waiting finds out nothing about it.
func (h *health) settle(now time.Time) {
	switch up := h.failed == 0 && h.verdict != failing; {
	case up:
		h.down = time.Time{}
	case h.down.IsZero():
		h.down = now
	}
}

// fails notes what went wrong, whoever is to blame.
func (h *health) fails(now time.Time, text string) { h.last, h.lastAt = text, now }

// dialled notes a connection. A server that accepts them without ever
// answering stays passed over.
func (h *health) dialled() {
	h.asked, h.failed = true, 0
	if h.silent < maxSilent {
		h.until = time.Time{}
	}
}

// answered notes an answer, whatever it says.
func (h *health) answered(now time.Time) {
	h.asked, h.heard = true, now
	h.close()
}

// close closes the circuit: what was before counts no more.
func (h *health) close() { h.failed, h.silent, h.until = 0, 0, time.Time{} }

// undialled notes that no connection came about. jitter is in [0, 1). Of those
// that were on their way when the circuit opened only the first counts: a
// server that ends under a thousand sessions has failed once, not a thousand
// times.
func (h *health) undialled(now time.Time, jitter float64) {
	if now.Before(h.until) && !h.trying {
		return
	}
	h.asked, h.trying = true, false
	h.failed++
	h.open(now, h.failed, jitter)
}

// unanswered notes that a connection brought no answer, of a server that gives
// nobody one.
func (h *health) unanswered(now time.Time, jitter float64) {
	h.asked = true
	if now.Sub(h.heard) < answerHolds {
		return
	}
	if h.silent++; h.silent >= maxSilent {
		h.open(now, h.silent-maxSilent+1, jitter)
	}
}

// open opens the circuit after the nth failure. Half of the delay is left to
// chance, so that several ushers do not try at the same instant.
func (h *health) open(now time.Time, n int, jitter float64) {
	delay := delayAfter(n)
	h.until = now.Add(delay - time.Duration(jitter*float64(delay/2)))
}

func delayAfter(n int) time.Duration {
	const doublings = 7 // reach lastDelay
	return min(firstDelay<<min(n-1, doublings), lastDelay)
}

// try notes that somebody is let through. The next has to wait as long again,
// unless that one closes the circuit.
func (h *health) try(now time.Time) {
	if !h.until.IsZero() && !now.Before(h.until) {
		h.until = now.Add(delayAfter(max(h.failed, h.silent-maxSilent+1, 1)))
		h.trying = true
	}
}

// checked notes the outcome of a check. The first decides alone, as nothing
// else is known; then it takes so many in a row to change the verdict.
func (h *health) checked(ok bool, healthy, unhealthy int) {
	h.asked = true
	if h.verdict == awaited || h.verdict == notChecked {
		h.verdict = failing
		if ok {
			h.verdict = passing
		}
		return
	}
	if ok == (h.verdict == passing) {
		h.streak = 0
		return
	}
	h.streak++
	switch {
	case ok && h.streak >= healthy:
		h.verdict, h.streak = passing, 0
		h.close()
	case !ok && h.streak >= unhealthy:
		h.verdict, h.streak = failing, 0
	}
}
