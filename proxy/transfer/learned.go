package transfer

import (
	"encoding/json"

	"usher/proxy/handover"
	"usher/proxy/session"
	"usher/proxy/upstream"
)

// Learned is what an usher knows besides its sessions.
type Learned struct {
	Upstreams upstream.Memory
	Ended     []session.EndedState `json:",omitempty"`
	Drains    json.RawMessage      `json:",omitempty"` // what operators have drained
}

// lesson implements handover.Delivery.
type lesson struct {
	taker *Taker
	what  Learned
}

func (t *Taker) prepareLearned(body []byte) (handover.Delivery, error) {
	l := &lesson{taker: t}
	return l, json.Unmarshal(body, &l.what)
}

// Commit implements handover.Delivery.
func (l *lesson) Commit() { l.taker.Learn(l.what) }

// Drop implements handover.Delivery.
func (l *lesson) Drop() {}
