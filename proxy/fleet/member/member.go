package member

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"time"

	"usher/proxy/fleet/link"
	"usher/proxy/fleet/store"
)

const (
	beat     = 3 * time.Second
	byeTime  = time.Second // that Redis has to hear that this node has gone
	logEvery = time.Minute // for one thing that is wrong
	twins    = 3           // beats in a row, behind which it is no process that takes another's place
)

// Shared is what all nodes see; a store.Store is one.
type Shared interface {
	Announce(ctx context.Context, id, value string) (was string, all []store.Heard, err error)
	Retire(ctx context.Context, id, value string) error
}

// Link is what looks for the nodes; a link.Link is one.
type Link interface {
	SetNodes(list []link.Node)
	Peers() []link.Peer
}

// Member is this node among those that Redis tells. Run owns what changes.
type Member struct {
	Shared Shared
	Link   Link
	File   []link.Node // of the routes file: they are looked for in any case
	Own    func() Note // what this node is now
	Log    *slog.Logger

	last    string    // what was said last
	strange int       // beats in a row at which another process had this node's id
	warned  time.Time // when that was logged
}

// Run goes on with what the first Beat has begun, until ctx is done. Then it takes
// back what was said.
func (m *Member) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			m.bye()
			return
		case now := <-time.After(beat - beat/20 + rand.N(beat/10)):
			m.Beat(ctx, now)
		}
	}
}

// Beat says that this node is there, and hears who else is. It is called once
// before Run, and by it.
func (m *Member) Beat(ctx context.Context, now time.Time) {
	own := m.Own()
	text, _ := json.Marshal(own) // of plain strings
	was, heard, err := m.Shared.Announce(ctx, own.ID, string(text))
	if err == nil {
		m.compare(own, was, now)
		m.last = string(text)
	}
	if err == nil || heard != nil { // else who is known stays known
		m.Link.SetNodes(choose(link.Node{ID: own.ID, Address: own.Address}, m.File, heard, m.Link.Peers()))
	}
}

// compare sees whether another process says that it is this node. For a moment one
// does that takes this one's place.
func (m *Member) compare(own Note, was string, now time.Time) {
	other, ok := read(store.Heard{ID: own.ID, Value: was})
	if !ok || other.Epoch == own.Epoch {
		m.strange = 0
		return
	}
	if m.strange++; m.strange >= twins && now.Sub(m.warned) >= logEvery {
		m.warned = now
		m.Log.Warn("another node says that it has the id of this one: each needs its own", "node", own.ID, "address", other.Address)
	}
}

func (m *Member) bye() {
	if m.last == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), byeTime)
	defer cancel()
	if err := m.Shared.Retire(ctx, m.Own().ID, m.last); err != nil {
		m.Log.Info("redis does not hear that this node goes: it is forgotten by itself", "error", err)
	}
}
