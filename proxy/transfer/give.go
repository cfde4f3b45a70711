package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"usher/proxy/front"
	"usher/proxy/handover"
	"usher/proxy/namespaces"
	"usher/proxy/relay"
	"usher/proxy/session"
)

// The kinds of messages.
const (
	sessions = "sessions"
	clients  = "clients" // that ask for nothing yet
	learned  = "learned" // what it knows besides
)

// atOnce is how many descriptors go with one message: so many sockets stand
// still at a time, and so many are open twice.
const atOnce = 64

// parcel is a session on the wire. Its descriptors stand in the order of the
// parcels.
type parcel struct {
	Session     session.State
	Pair        *relay.PairState  `json:",omitempty"`
	Fan         *relay.FanState   `json:",omitempty"`
	Visitor     *namespaces.State `json:",omitempty"` // of a fan
	Question    string            `json:",omitempty"` // that is asked about it again; a secret
	Descriptors int
}

// Giver gives sessions to the usher after.
type Giver struct {
	Channel *handover.Channel // the process is at its other end
	Frames  *relay.Group
	Split   *namespaces.Server

	// Question returns what is asked about a session again, "" for nothing, and
	// Given is told of each that the other has taken.
	Question func(x *session.Session) string
	Given    func(x *session.Session)
}

// Give gives the sessions that can move, and returns how many the other has taken. The
// error is why others go on here: all of them after handover.ErrRevoked, else those
// that the other cannot have. polls is as in relay.Group.Move.
func (g *Giver) Give(polls bool) (moved int, err error) {
	g.Frames.Move(atOnce, polls, func(parcels []*relay.Parcel) bool {
		n, why := g.giveEach(parcels)
		moved, err = moved+n, cmp.Or(why, err)
		return !errors.Is(why, handover.ErrRevoked) || n > 0
	})
	return moved, err
}

// giveEach gives parcels at once or, where that is refused, each by itself: one
// that the other process cannot have does not keep the others here. The error is
// why some were not given; they are marked, unless none was.
func (g *Giver) giveEach(parcels []*relay.Parcel) (given int, err error) {
	if err = g.give(parcels); err == nil {
		return len(parcels), nil
	}
	if errors.Is(err, handover.ErrRevoked) {
		return 0, err
	}
	for _, p := range parcels {
		if why := g.give([]*relay.Parcel{p}); why == nil {
			given++
		} else {
			p.Refused, err = true, why
		}
	}
	if given == len(parcels) {
		err = nil
	}
	return given, err
}

func (g *Giver) give(parcels []*relay.Parcel) error {
	list := make([]parcel, 0, len(parcels))
	var descriptors []int
	for _, p := range parcels {
		one := parcel{Session: p.Session.State(), Pair: p.Pair, Fan: p.Fan, Question: g.Question(p.Session), Descriptors: len(p.Descriptors)}
		if p.Fan != nil {
			st, ok := g.Split.State(p.Fan.SID)
			if !ok {
				return fmt.Errorf("session %s has no sid", p.Session.ID)
			}
			one.Visitor = &st
		}
		list = append(list, one)
		descriptors = append(descriptors, p.Descriptors...)
	}
	if err := g.Channel.Give(sessions, list, descriptors); err != nil {
		return err
	}
	for _, p := range parcels {
		g.Given(p.Session)
	}
	return nil
}

// GiveClients gives the clients of in that ask for nothing yet, and those that
// come to do so, until ctx is done or no more are taken: then the others go on
// here. The error is why some do.
func GiveClients(ctx context.Context, c *handover.Channel, in *front.Server) error {
	var why error
	in.Move(ctx, atOnce, func(states []front.ClientState, descriptors []int) (taken, more bool) {
		err := c.Give(clients, states, descriptors)
		if err != nil && (len(states) == 1 || errors.Is(err, handover.ErrRevoked)) {
			why = err
		}
		return err == nil, !errors.Is(err, handover.ErrRevoked)
	})
	return why
}

// GiveLearned gives what this process knows besides its sessions.
func GiveLearned(c *handover.Channel, what Learned) error { return c.Give(learned, what, nil) }
