package transfer

import (
	"context"
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
// the process at the other end of c, and returns how many it has taken. After an
// error the rest goes on here. polls is as in relay.Group.Move.
func Give(c *handover.Channel, frames *relay.Group, split *namespaces.Server, polls bool) (moved int, err error) {
	frames.Move(atOnce, polls, func(parcels []*relay.Parcel) bool {
		if err = give(c, parcels, split); err == nil {
			moved += len(parcels)
		}
		return err == nil
	})
	return moved, err
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
