package command

import (
	"usher/proxy/affinity"
	"usher/proxy/config"
	"usher/proxy/fleet/keys"
)

// nodeRule says which node of the fleet has the session of a sid, as far as the sid
// tells.
func nodeRule(f config.Fleet, sid string) string {
	h, ok := affinity.NewNodes(keys.New(f.Secrets).All(keys.Affinity), f.Node.ID).Read(sid)
	own := f.Node.ID != "" && h.Is(f.Node.ID)
	switch {
	case !ok:
		return "no node of this fleet has made the sid: one of Engine.IO 3 the others are asked for, all others are unknown (code 1)"
	case h.Node == "" && own:
		return "this one, " + f.Node.ID + ", has the session, unless another has the same mark"
	case h.Node == "":
		return "another one has the session: its sid has the mark of one, and no name"
	case own:
		return "this one, " + h.Node + ", has the session"
	}
	return h.Node + " has the session: who asks another node is passed on there"
}
