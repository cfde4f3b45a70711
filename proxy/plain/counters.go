package plain

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"usher/proxy/session"
)

// methods are counted apart; the last stands for all others, as clients make up what
// they like.
var methods = [...]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"}

// classes are those of statuses, from 2xx on.
var classes = [...]string{"2xx", "3xx", "4xx", "5xx"}

// Counters count the plain requests of a server. The zero value is ready.
type Counters struct {
	open atomic.Int64

	mu  sync.RWMutex
	all map[counted]*series // guarded by mu
}

// counted is what a series is of.
type counted struct{ route, upstream string }

// series counts the requests under a route that went to an upstream.
type series struct {
	answers        [len(methods)][len(classes)]atomic.Uint64
	head, end      session.Latencies
	received, sent atomic.Uint64
}

// Totals is what was counted of the requests under a route that went to an upstream.
type Totals struct {
	Route    string // "" for those that none takes
	Upstream string // "" for those that usher answers itself
	Answers  []Answers
	Head     session.Histogram // from the request to the answer's head
	End      session.Histogram // to the answer's end
	Received uint64            // bytes of the requests' bodies
	Sent     uint64            // bytes of the answers'
}

// Answers is how many requests of a method had an answer of a class.
type Answers struct {
	Method, Status string
	Count          uint64
}

// begin counts a request that is under way.
func (c *Counters) begin() { c.open.Add(1) }

// end counts one that is not any more.
func (c *Counters) end(now time.Time, r *Record) {
	c.open.Add(-1)
	key := counted{route: r.Route}
	if r.sought {
		key.upstream = r.Upstream
	}
	s := c.of(key)
	s.answers[r.method][classOf(r.Status)].Add(1)
	if !r.Head.IsZero() {
		s.head.Observe(r.Head.Sub(r.began))
	}
	s.end.Observe(now.Sub(r.began))
	s.received.Add(uint64(r.Received))
	s.sent.Add(uint64(r.Sent))
}

func (c *Counters) of(key counted) *series {
	c.mu.RLock()
	s := c.all[key]
	c.mu.RUnlock()
	if s != nil {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key = session.Apart(c.all, key, counted{session.Other, session.Other})
	if s = c.all[key]; s == nil {
		if c.all == nil {
			c.all = make(map[counted]*series)
		}
		s = new(series)
		c.all[key] = s
	}
	return s
}

func methodOf(name string) int {
	if i := slices.Index(methods[:], name); i >= 0 {
		return i
	}
	return len(methods) - 1
}

// classOf counts who went before an answer as the access log does: by 499.
func classOf(status int) int {
	if status == 0 {
		return 2
	}
	return min(max(status/100-2, 0), len(classes)-1)
}

// Open returns how many requests are under way.
func (c *Counters) Open() int { return int(c.open.Load()) }

// Totals returns what was counted, in the order of route and upstream.
func (c *Counters) Totals() []Totals {
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := make([]Totals, 0, len(c.all))
	for key, s := range c.all {
		t := Totals{Route: key.route, Upstream: key.upstream, Head: s.head.Histogram(), End: s.end.Histogram(), Received: s.received.Load(), Sent: s.sent.Load()}
		for m := range s.answers {
			for k := range s.answers[m] {
				if n := s.answers[m][k].Load(); n > 0 {
					t.Answers = append(t.Answers, Answers{methods[m], classes[k], n})
				}
			}
		}
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Totals) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Upstream, b.Upstream))
	})
	return list
}
