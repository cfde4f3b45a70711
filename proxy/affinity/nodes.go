package affinity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Sids of routes with namespaces are usher's own. In a fleet they say which node
// has the session, so that each of its requests is served wherever it comes:
//
//	SID~n.NODE.MAC           of Engine.IO 4
//	RRRRRRRRRRRRmmMMMMMM     of Engine.IO 3, where it is socket.id too and looks
//	                         like all others: 72 random bits, the mark of the node
//	                         and 36 bits of MAC
const (
	nodeTag   = "~n."
	sidBytes  = 15 // random ones, as the reference server's
	sid3Bytes = 9
	mark3     = sid3Bytes / 3 * 4 // where the mark stands
	mac3      = mark3 + 2         // and the MAC
	length3   = mac3 + 6
)

// Nodes makes the sids of one node, and reads those of all that have the same key.
type Nodes struct {
	keys     []key // the newest first: all are read, and one writes
	id, mark string
	learned  *learned // who has the sids that no node has made
}

// NewNodes returns those of a node with that id, which has no dot.
func NewNodes(keys [][]byte, id string) *Nodes {
	n := &Nodes{id: id, mark: markOf(id), learned: newLearned(maxLearned)}
	for _, k := range keys {
		n.keys = append(n.keys, key(k))
	}
	return n
}

// New returns a sid for Engine.IO of that revision, 3 or 4.
func (n *Nodes) New(revision int) string {
	var b [sidBytes]byte
	rand.Read(b[:]) // never fails
	if revision == 3 {
		sid := base64.RawURLEncoding.EncodeToString(b[:sid3Bytes]) + n.mark
		return sid + n.keys[0].mac3(sid)
	}
	sid := base64.RawURLEncoding.EncodeToString(b[:])
	return sid + nodeTag + n.id + "." + n.keys[0].mac("node", sid, n.id)
}

// Home is what a sid says of the node that has it.
type Home struct {
	Node string // its id; "" if the sid has only its mark
	mark string
}

// Is tells whether h may be the node of that id. Where there is only a mark, others
// may have the same.
func (h Home) Is(id string) bool { return h.Node == id || h.Node == "" && h.mark == markOf(id) }

// Learn notes which node has a sid that says nothing, as servers of Engine.IO 3
// have made it.
func (n *Nodes) Learn(sid, node string) { n.learned.put(sid, node) }

// Read returns the home of a sid, if a node has made it or it was learned.
func (n *Nodes) Read(sid string) (h Home, ok bool) {
	at := strings.LastIndex(sid, nodeTag)
	if at < 0 {
		if h, ok = n.read3(sid); !ok {
			h.Node = n.learned.get(sid)
		}
		return h, ok || h.Node != ""
	}
	node, mac, ok := strings.Cut(sid[at+len(nodeTag):], ".")
	if !ok || node == "" {
		return h, false
	}
	for _, k := range n.keys {
		if hmac.Equal([]byte(mac), []byte(k.mac("node", sid[:at], node))) {
			return Home{Node: node}, true
		}
	}
	return h, false
}

func (n *Nodes) read3(sid string) (h Home, ok bool) {
	if len(sid) != length3 {
		return h, false
	}
	for _, k := range n.keys {
		if hmac.Equal([]byte(sid[mac3:]), []byte(k.mac3(sid[:mac3]))) {
			return Home{mark: sid[mark3:mac3]}, true
		}
	}
	return h, false
}

// mac3 is what of a MAC fits in a sid of Engine.IO 3: few bits, but one that is
// made up has to exist at its node as well.
func (k key) mac3(sid string) string { return k.mac("sid3", sid)[:length3-mac3] }

// markOf returns 12 bits of the id of a node.
func markOf(id string) string {
	sum := sha256.Sum256([]byte("usher node " + id))
	return base64.RawURLEncoding.EncodeToString(sum[:3])[:mac3-mark3]
}
