package nginx

import (
	"cmp"
	"slices"
	"strings"
)

// reach leaves out what nginx does not serve on all addresses where usher will:
// its routes answer on every listener, so that a server with a port or an address
// of its own, such as one for operators, would be there for everybody.
func (im *importer) reach() {
	if !slices.ContainsFunc(im.servers, (*server).secure) {
		for _, s := range im.servers {
			s.leads = false // somebody else has the https
		}
	}
	at := im.busiest()
	for _, s := range im.servers {
		served := s.served()
		if s.leads {
			continue
		}
		if s.out = !covers(served, at); s.out {
			im.lose(s.Directive, "it is left out: it listens elsewhere than the servers here, and every route of usher answers on every listener; run another usher for it")
			s.strays = nil // nobody comes here for them
			continue
		}
		s.sockets = slices.DeleteFunc(s.sockets, func(one socket) bool {
			elsewhere := slices.Contains(served, one.key()) && !slices.Contains(at, one.key())
			if elsewhere {
				im.lose(one.from, "it is left out: other servers do not listen there, and every route of usher answers on every listener; run another usher for it")
			}
			return elsewhere
		})
	}
	im.fallback(at)
}

// busiest returns the addresses where most is served of those that one server has:
// public ones before this machine's own.
func (im *importer) busiest() (best []string) {
	most := weight{}
	weighed := make(map[string]bool)
	for _, s := range im.servers {
		at := s.served()
		if id := strings.Join(at, " "); len(at) == 0 || weighed[id] {
			continue
		} else {
			weighed[id] = true
		}
		w := weight{secure: s.secure(), sockets: len(at)}
		w.public = slices.ContainsFunc(s.sockets, func(one socket) bool { return !one.loopback() })
		for _, other := range im.servers {
			if other.leads || !covers(other.served(), at) {
				continue
			}
			w.servers++
			w.passes += other.passes
		}
		if best == nil || w.compare(most) > 0 {
			best, most = at, w
		}
	}
	return best
}

// weight is how much is served at some addresses.
type weight struct {
	public, secure           bool
	passes, servers, sockets int
}

func (w weight) compare(than weight) int {
	one := map[bool]int{true: 1}
	return cmp.Or(one[w.public]-one[than.public], w.passes-than.passes, w.servers-than.servers, one[w.secure]-one[than.secure], w.sockets-than.sockets)
}

// covers tells whether all of some addresses are among others.
func covers(list, all []string) bool {
	return !slices.ContainsFunc(all, func(one string) bool { return !slices.Contains(list, one) })
}

// served are the addresses where a server does more than lead to https.
func (s *server) served() (keys []string) {
	for _, one := range s.sockets {
		if !s.leads && (!s.sheds || one.tls) && !slices.Contains(keys, one.key()) {
			keys = append(keys, one.key())
		}
	}
	return keys
}

// passing counts what a list sends to upstreams.
func passing(list []*Directive) (n int) {
	for _, d := range list {
		if d.Name == "proxy_pass" {
			n++
		}
		n += passing(d.Block)
	}
	return n
}

// fallback finds the server for hosts that no server has: it must be nginx's default
// at each of the addresses.
func (im *importer) fallback(at []string) {
	var found *server
	for _, key := range at {
		s := im.first(key)
		if s == nil || s.out || s.leads || found != nil && found != s {
			return
		}
		found = s
	}
	if found != nil {
		found.any = true
	}
}

// first returns nginx's default server of an address.
func (im *importer) first(key string) (first *server) {
	for _, s := range im.servers {
		for _, one := range s.sockets {
			if one.key() == key && one.fallback {
				return s
			}
			if one.key() == key && first == nil {
				first = s
			}
		}
	}
	return first
}
