package transfer

import (
	"encoding/json"
	"errors"
	"fmt"

	"usher/proxy/front"
	"usher/proxy/handover"
	"usher/proxy/relay"
	"usher/proxy/session"
)

// Taker takes over the sessions of the usher before.
type Taker struct {
	Frames   *relay.Group
	Sessions *session.Registry
	// Hold counts a session at its endpoint, if that is there, until release is
	// called.
	Hold func(x *session.Session) (release func())
	// Opened is told of each when its loop has it.
	Opened func(x *session.Session)

	// Arrive takes in a client; see front.Server.
	Arrive func(st front.ClientState, descriptor int) (commit, drop func(), err error)

	options map[relay.Options]*relay.Options // that sessions share
	taken   int
}

// Take takes what is given over c until nothing more is, and returns how many
// sessions that were.
func (t *Taker) Take(c *handover.Channel) (taken int, err error) {
	t.options = make(map[relay.Options]*relay.Options)
	err = c.Take(t.prepare)
	return t.taken, err
}

// arrivals implement handover.Delivery.
type arrivals struct {
	taker *Taker
	list  []arrival
}

type arrival struct {
	session session.State
	*relay.Arrival
}

func (t *Taker) prepare(kind string, body []byte, descriptors []int) (handover.Delivery, error) {
	switch kind {
	case sessions:
		return t.prepareSessions(body, descriptors)
	case clients:
		return t.prepareClients(body, descriptors)
	}
	return nil, fmt.Errorf("unknown kind %q", kind)
}

func (t *Taker) prepareSessions(body []byte, descriptors []int) (handover.Delivery, error) {
	var parcels []parcel
	if err := json.Unmarshal(body, &parcels); err != nil {
		return nil, err
	}
	a := &arrivals{taker: t}
	for _, p := range parcels {
		if p.Descriptors < 0 || p.Descriptors > len(descriptors) || p.Pair == nil {
			return nil, errors.New("a session without its parts")
		}
		one, err := p.Pair.Unpack(t.shared(p.Pair.Options), descriptors[:p.Descriptors])
		if err != nil {
			return nil, fmt.Errorf("session %s: %w", p.Session.ID, err)
		}
		descriptors = descriptors[p.Descriptors:]
		a.list = append(a.list, arrival{p.Session, one})
	}
	if len(descriptors) > 0 {
		return nil, fmt.Errorf("%d descriptors too many", len(descriptors))
	}
	return a, nil
}

func (t *Taker) shared(o relay.Options) *relay.Options {
	if t.options[o] == nil {
		t.options[o] = &o
	}
	return t.options[o]
}

// Commit implements handover.Delivery.
func (a *arrivals) Commit() {
	t := a.taker
	for _, one := range a.list {
		x := t.Sessions.Restore(one.session)
		t.Frames.TakeIn(x, one.Arrival, t.Hold(x))
		t.Opened(x)
		t.taken++
	}
}

// Drop implements handover.Delivery.
func (a *arrivals) Drop() {
	for _, one := range a.list {
		one.Arrival.Drop()
	}
}
