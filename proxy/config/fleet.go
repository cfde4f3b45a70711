package config

import (
	"net"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
)

// Fleet is how this usher and others are as one: they share certificates, and
// know each other.
type Fleet struct {
	Position
	Redis   Redis    // what they share; zero for none
	Name    string   // that all keys in Redis begin with
	Secrets []string // what every key of the fleet is derived from: the one of now, and perhaps the one before it; nil without a fleet
	Node    Node     //
	Nodes   []string // host:port of others, besides those that Redis tells
}

// Node is this usher among the others.
type Node struct {
	ID      string // "" for one that each process makes up
	Address string // host:port where the others reach it; "" for the first private address of this machine with NodePort
}

// NodePort is where nodes listen for each other if the file does not say.
const NodePort = 7443

// leastFleetSecret is how many bytes the secret of a fleet has at least: it is
// an authority's key, and whoever can reach a node may try to find it.
const leastFleetSecret = 32

var (
	fleetKeys = []string{"redis", "name", "secret", "node", "nodes"}
	nodeKeys  = []string{"id", "address"}
)

func (l *loader) fleet(v value, d Fleet) Fleet {
	o, ok := l.object(v, "in fleet", fleetKeys)
	if !ok {
		return Fleet{}
	}
	d.Position = v.used
	d.Redis = l.redis(o.field("redis"))
	l.fleetWord(o.field("name"), &d.Name)
	d.Secrets = l.fleetSecrets(l.required(o, "secret", "in fleet"))
	d.Node = l.node(o.field("node"))
	d.Nodes = l.nodes(o.field("nodes"))
	if !o.field("redis").given() && !o.field("nodes").given() && !o.meant["redis"] && !o.meant["nodes"] {
		l.errorf(o.Position, "fleet needs redis, or nodes for one without: there is nobody to share with")
	}
	return d
}

// fleetSecrets reads one secret, or [new, old] while it is replaced.
func (l *loader) fleetSecrets(v value) []string {
	items := l.oneOrMore(v, "secret")
	if len(items) > 2 {
		l.errorf(items[2].Position, "secret takes two at most: the new one, and the one that it replaces")
		items = items[:2]
	}
	var list []string
	for _, item := range items {
		item.name = "secret"
		s := l.secret(item, "secret", leastFleetSecret, nil)
		if len(list) == 1 && s == list[0] && s != "" {
			l.errorf(item.Position, "both secrets are the same: leave one out")
		}
		list = append(list, s)
	}
	return list
}

// maxFleetWord is how long the name of a fleet or of a node is at most.
const maxFleetWord = 32

// fleetWord reads a name that becomes part of keys and of what clients see.
func (l *loader) fleetWord(v value, s *string) {
	w, ok := l.text(v)
	if !ok {
		return
	}
	if len(w.text) > maxFleetWord || strings.Trim(w.text, hostLetters) != "" {
		l.errorf(w.Position, "%s must be at most %d letters, digits, - and _, not %s", w.name, maxFleetWord, w)
		return
	}
	*s = w.text
}

func (l *loader) node(v value) (n Node) {
	o, ok := l.object(v, "in node", nodeKeys)
	if !ok {
		return n
	}
	l.fleetWord(o.field("id"), &n.ID)
	if w, ok := l.text(o.field("address")); ok && l.nodeAddress(w, orZero) {
		n.Address = w.text
	}
	return n
}

func (l *loader) nodes(v value) []string {
	var list []string
	first := make(map[string]Position)
	for _, item := range l.oneOrMore(v, "a node") {
		w, ok := l.text(item)
		if !ok || !l.nodeAddress(w, positive) {
			continue
		}
		if at, ok := first[w.text]; ok {
			l.errorf(w.Position, "node %s stands here a second time: the first is at %s", w, l.where(at))
			continue
		}
		first[w.text] = w.Position
		list = append(list, w.text)
	}
	return list
}

// nodeAddress says whether other machines know whom w means.
func (l *loader) nodeAddress(w word, leastPort int) bool {
	host, port, err := net.SplitHostPort(w.text)
	if err != nil || !isPort(port, leastPort) || !isHost(host) {
		hint := ""
		if isHost(w.text) {
			hint = w.instead(net.JoinHostPort(w.text, strconv.Itoa(NodePort)))
		}
		l.errorf(w.Position, `%s must be HOST:PORT, such as "10.0.0.11:%d", not %s%s`, w.name, NodePort, w, hint)
		return false
	}
	// Who listens at all addresses would tell others none.
	if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
		l.errorf(w.Position, "%s %s is no address that other nodes could reach: name the one of this machine", w.name, w)
		return false
	}
	return true
}

// Same tells whether nothing has changed but where it stands in the file.
func (f Fleet) Same(other Fleet) bool {
	return reflect.DeepEqual(f.unplaced(), other.unplaced())
}

func (f Fleet) unplaced() Fleet {
	f.Position = Position{}
	f.Redis.TLS.CAAt, f.Redis.TLS.CertAt, f.Redis.TLS.KeyAt = Position{}, Position{}, Position{}
	return f
}
