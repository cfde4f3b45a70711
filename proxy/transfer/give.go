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
	Descriptors int
}

// Give gives the sessions of frames that can move, those of split among them, to
// the process at the other end of c, and returns how many it has taken. The error
// is why others go on here: all of them after handover.ErrRevoked, else those that
// the other cannot have. polls is as in relay.Group.Move.
func Give(c *handover.Channel, frames *relay.Group, split *namespaces.Server, polls bool) (moved int, err error) {
	frames.Move(atOnce, polls, func(parcels []*relay.Parcel) bool {
		n, why := giveEach(c, parcels, split)
		moved, err = moved+n, cmp.Or(why, err)
		return !errors.Is(why, handover.ErrRevoked) || n > 0
	})
	return moved, err
}

// giveEach gives parcels at once or, where that is refused, each by itself: one
// that the other process cannot have does not keep the others here. The error is
// why some were not given; they are marked, unless none was.
func giveEach(c *handover.Channel, parcels []*relay.Parcel, split *namespaces.Server) (given int, err error) {
	if err = give(c, parcels, split); err == nil {
		return len(parcels), nil
	}
	if errors.Is(err, handover.ErrRevoked) {
		return 0, err
	}
	for _, p := range parcels {
		if why := give(c, []*relay.Parcel{p}, split); why == nil {
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

func give(c *handover.Channel, parcels []*relay.Parcel, split *namespaces.Server) error {
	list := make([]parcel, 0, len(parcels))
	var descriptors []int
	for _, p := range parcels {
		one := parcel{Session: p.Session.State(), Pair: p.Pair, Fan: p.Fan, Descriptors: len(p.Descriptors)}
		if p.Fan != nil {
			st, ok := split.State(p.Fan.SID)
			if !ok {
				return fmt.Errorf("session %s has no sid", p.Session.ID)
			}
			one.Visitor = &st
		}
		list = append(list, one)
		descriptors = append(descriptors, p.Descriptors...)
	}
	return c.Give(sessions, list, descriptors)
}

// GiveClients gives the clients of in that ask for nothing yet, and those that
// come to do so, until ctx is done or they are not taken: then the others go on
// here.
func GiveClients(ctx context.Context, c *handover.Channel, in *front.Server) error {
	var err error
	in.Move(ctx, atOnce, func(states []front.ClientState, descriptors []int) bool {
		err = c.Give(clients, states, descriptors)
		return err == nil
	})
	return err
}

// GiveLearned gives what this process knows besides its sessions.
func GiveLearned(c *handover.Channel, what Learned) error { return c.Give(learned, what, nil) }
