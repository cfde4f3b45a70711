package upstream

import (
	"time"

	"usher/proxy/affinity"
)

// Memory is what a pool has learned, as data for the process that takes this one's
// place.
type Memory struct {
	Guides    map[string]affinity.Memory `json:",omitempty"` // by the name of their upstream
	Endpoints map[string]HealthState     `json:",omitempty"` // by identity
}

// HealthState is what is known of an endpoint, as data. What operators have
// disabled is not among it.
type HealthState struct {
	Asked   bool      `json:",omitempty"`
	Passing bool      `json:",omitempty"` // by its checks
	Failing bool      `json:",omitempty"`
	Streak  int       `json:",omitempty"`
	Failed  int       `json:",omitempty"`
	Silent  int       `json:",omitempty"`
	Heard   time.Time `json:",omitzero"`
	Until   time.Time `json:",omitzero"`
	Down    time.Time `json:",omitzero"`
	Since   time.Time `json:",omitzero"`
	Warm    time.Time `json:",omitzero"`
	Last    string    `json:",omitempty"`
	LastAt  time.Time `json:",omitzero"`
}

// Secret returns that of the upstreams for which the file has none.
func (p *Pool) Secret() []byte { return p.secret }

// UseSecret has the pools that Next returns use a secret of before. It is called
// before the first does.
func (p *Pool) UseSecret(secret []byte) { p.secret = secret }

// Memory returns what p has learned.
func (p *Pool) Memory() Memory {
	m := Memory{Guides: make(map[string]affinity.Memory), Endpoints: make(map[string]HealthState)}
	for name, u := range p.upstreams {
		if u.guide != nil {
			m.Guides[name] = u.guide.Memory()
		}
	}
	for identity, e := range p.endpoints {
		m.Endpoints[identity] = e.healthState()
	}
	return m
}

// Recall adds to what p knows, of upstreams and endpoints that it has.
func (p *Pool) Recall(m Memory) {
	for name, known := range m.Guides {
		if u := p.upstreams[name]; u != nil && u.guide != nil {
			u.guide.Recall(known)
		}
	}
	for identity, known := range m.Endpoints {
		if e := p.endpoints[identity]; e != nil {
			e.recall(known)
		}
	}
}

func (e *Endpoint) healthState() HealthState {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := &e.health
	return HealthState{
		Asked: h.asked, Passing: h.verdict == passing, Failing: h.verdict == failing, Streak: h.streak,
		Failed: h.failed, Silent: h.silent, Heard: h.heard, Until: h.until, Down: h.down,
		Since: h.since, Warm: h.warm, Last: h.last, LastAt: h.lastAt,
	}
}

// recall takes over what another process knows of e, which may say more later,
// unless e has been asked here before. What checks have said counts where there are
// checks.
func (e *Endpoint) recall(st HealthState) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := &e.health
	if h.asked && !h.recalled {
		return
	}
	h.recalled = true
	h.asked, h.failed, h.silent, h.heard, h.until = st.Asked, st.Failed, st.Silent, st.Heard, st.Until
	h.since, h.warm, h.last, h.lastAt, h.down = st.Since, st.Warm, st.Last, st.LastAt, st.Down
	switch {
	case h.verdict != awaited:
	case st.Passing:
		h.verdict, h.streak = passing, st.Streak
	case st.Failing:
		h.verdict, h.streak = failing, st.Streak
	}
	h.settle(time.Now())
}
