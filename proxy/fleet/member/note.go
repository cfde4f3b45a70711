// Package member has the nodes of a fleet find each other by Redis: each says from
// time to time that it is there, and hears of the others. The link proves who they
// are, so Redis is believed for addresses alone, and never asked for the sake of a
// request: while it is away, who is known stays known.
package member

import (
	"encoding/json"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"usher/proxy/fleet/link"
	"usher/proxy/fleet/store"
)

const (
	most       = 64  // nodes that Redis may tell
	mostText   = 64  // bytes of an id, a version, a digest
	mostServer = 260 // bytes of an address
	// silent is after how long a node is forgotten that the link cannot reach: it
	// has missed two beats.
	silent = 6 * time.Second
)

// Note is what a node says of itself.
type Note struct {
	ID       string `json:"id"`
	Address  string `json:"address"`
	Epoch    string `json:"epoch"` // of its process
	Version  string `json:"version"`
	Digest   string `json:"digest"` // of its routes file
	State    string `json:"state"`
	Sessions int    `json:"sessions"`
}

// read returns what a node has said, if all of it is such as nodes say.
func read(h store.Heard) (n Note, ok bool) {
	if json.Unmarshal([]byte(h.Value), &n) != nil || n.ID != h.ID || n.Sessions < 0 || !isAddress(n.Address) {
		return Note{}, false
	}
	for _, s := range []string{n.ID, n.Epoch, n.State} {
		if !isText(s, "_-") || s == "" {
			return Note{}, false
		}
	}
	return n, isText(n.Version, "_-.+() ") && isText(n.Digest, "_-")
}

// isText tells whether s is short, and of letters, digits and some more.
func isText(s, more string) bool {
	return len(s) <= mostText && strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"+more) == ""
}

// isAddress tells whether s is a host and a port at which another machine may be.
func isAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	n, e := strconv.ParseUint(port, 10, 16)
	if err != nil || e != nil || n == 0 || host == "" || len(s) > mostServer {
		return false
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return !a.IsUnspecified() && !a.IsMulticast() && a.Zone() == ""
	}
	return strings.Trim(host, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.") == ""
}

// choose returns the nodes that the link is to look for: those of the file, those
// that are heard of, and those that Redis does not know any more and the link
// still reaches. Nobody is looked for twice who answers at an address of the file.
func choose(self link.Node, file []link.Node, heard []store.Heard, peers []link.Peer) []link.Node {
	list, named := append([]link.Node(nil), file...), make(map[string]bool)
	taken := map[string]bool{self.Address: true}
	for _, n := range file {
		taken[n.Address] = true
	}
	for _, p := range peers {
		if p.Up && taken[p.Address] {
			named[p.ID] = true
		}
	}
	seen := make(map[link.Node]bool)
	add := func(n link.Node) {
		if n.ID != "" && n.ID != self.ID && !named[n.ID] && !taken[n.Address] && !seen[n] && len(seen) < most {
			seen[n] = true
			list = append(list, n)
		}
	}
	for _, p := range peers { // a Redis that lies takes nobody's place
		if p.Up {
			add(link.Node{ID: p.ID, Address: p.Address})
		}
	}
	for _, h := range heard {
		if n, ok := read(h); ok && h.Age <= silent {
			add(link.Node{ID: n.ID, Address: n.Address})
		}
	}
	return list
}
