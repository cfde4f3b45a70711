package transfer

import (
	"encoding/json"
	"errors"
	"fmt"

	"usher/proxy/front"
	"usher/proxy/handover"
	"usher/proxy/namespaces"
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
	// Recheck has that asked about a session which was asked about it before.
	Recheck func(x *session.Session, question string)
	// Opened is told of each when its loop has it.
	Opened func(x *session.Session)

	// Split is the table of the routes with namespaces, and Lost is told of
	// endpoints of theirs that are not there.
	Split func() *namespaces.Table
	Lost  func(endpoints []string)
	// Learn takes over what the other knows besides.
	Learn func(Learned)
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

// arrival is a session that has come, of one kind or the other.
type arrival struct {
	session  session.State
	question string
	pair     *relay.Arrival
	fan      *namespaces.Arrival
}

func (t *Taker) prepare(kind string, body []byte, descriptors []int) (handover.Delivery, error) {
	switch kind {
	case sessions:
		return t.prepareSessions(body, descriptors)
	case learned:
		return t.prepareLearned(body)
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
		if p.Descriptors < 0 || p.Descriptors > len(descriptors) {
			return nil, errors.New("a session without its descriptors")
		}
		one, err := t.unpack(p, descriptors[:p.Descriptors])
		if err != nil {
			return nil, fmt.Errorf("session %s: %w", p.Session.ID, err)
		}
		descriptors = descriptors[p.Descriptors:]
		a.list = append(a.list, one)
	}
	if len(descriptors) > 0 {
		return nil, fmt.Errorf("%d descriptors too many", len(descriptors))
	}
	return a, nil
}

func (t *Taker) unpack(p parcel, descriptors []int) (arrival, error) {
	a := arrival{session: p.Session, question: p.Question}
	var err error
	switch {
	case p.Pair != nil:
		a.pair, err = p.Pair.Unpack(t.shared(p.Pair.Options), descriptors)
	case p.Fan != nil && p.Visitor != nil:
		a.fan, err = t.Split().Unpack(*p.Visitor, p.Session, p.Fan, descriptors)
	default:
		err = errors.New("it is of no kind that is known here")
	}
	return a, err
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
	var lost []string
	for _, one := range a.list {
		x := t.Sessions.Restore(one.session)
		t.Recheck(x, one.question)
		if one.fan != nil {
			lost = append(lost, one.fan.Commit(x)...)
		} else {
			t.Frames.TakeIn(x, one.pair, t.Hold(x))
		}
		t.Opened(x)
		t.taken++
	}
	t.Lost(lost)
}

// Drop implements handover.Delivery.
func (a *arrivals) Drop() {
	for _, one := range a.list {
		if one.fan != nil {
			one.fan.Drop()
		} else {
			one.pair.Drop()
		}
	}
}
