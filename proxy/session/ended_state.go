package session

import (
	"errors"
	"slices"
	"time"
)

// EndedState is a session that has ended, as data.
type EndedState struct {
	State
	Legs       []Leg `json:",omitempty"`
	Split      bool  `json:",omitempty"`
	Cause      Cause
	Code       uint16 `json:",omitempty"`
	Time       time.Time
	Err        string   `json:",omitempty"`
	Namespaces []string `json:",omitempty"`
}

// EndedStates returns the sessions that ended last, the oldest first.
func (r *Registry) EndedStates() []EndedState {
	ended := r.Ended()
	list := make([]EndedState, 0, len(ended))
	for _, e := range slices.Backward(ended) {
		st := EndedState{State: e.State(), Cause: e.Cause, Code: e.Code, Time: e.Time, Namespaces: e.Namespaces}
		if e.Err != nil {
			st.Err = e.Err.Error()
		}
		st.Legs, st.Split = e.Session.Legs()
		list = append(list, st)
	}
	return list
}

// Recall remembers sessions that have ended in another process, as if before all
// that have ended here. They are counted nowhere.
func (r *Registry) Recall(list []EndedState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	here := r.ended.list()
	r.ended = ring{}
	for _, st := range list {
		s := r.revive(st.State)
		s.ended.Store(true)
		if st.Split {
			s.SetLegs(st.Legs)
		}
		e := End{Cause: st.Cause, Code: st.Code, Time: st.Time, Namespaces: st.Namespaces}
		if st.Err != "" {
			e.Err = errors.New(st.Err)
		}
		r.ended.add(Ended{s, e})
	}
	for _, e := range slices.Backward(here) {
		r.ended.add(e)
	}
}
