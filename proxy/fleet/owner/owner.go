package owner

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"usher/proxy/affinity"
	"usher/proxy/engineio"
	"usher/proxy/fleet/link"
)

const (
	// questionTime is how long the others may take to say who has a sid: whoever has
	// it may be busy, and its client would lose its session. mostQuestions is how many
	// are asked in a second, but for those that somebody says yes to: anybody can make
	// sids up.
	questionTime  = time.Second
	mostQuestions = 100
)

// Owners knows which node has which session.
type Owners struct {
	link *link.Link
	sids *affinity.Nodes

	mu     sync.Mutex
	second int64 // since 1970, of the last question; guarded by mu
	asked  int   // in that second, without a yes so far; guarded by mu
}

// New returns what the node of l knows, whose fleet has these keys, the newest
// first.
func New(l *link.Link, keys [][]byte) *Owners {
	return &Owners{link: l, sids: affinity.NewNodes(keys, l.ID())}
}

// NewSID returns a sid that leads here from any node.
func (o *Owners) NewSID(v engineio.Version) string { return o.sids.New(int(v)) }

// Named returns the other node that a sid names, "" if it names none, or this one.
func (o *Owners) Named(sid string) string {
	if h, ok := o.sids.Read(sid); ok && !h.Is(o.link.ID()) {
		return h.Node
	}
	return ""
}

// Of returns the other node that has a sid which is not known here, "" if nobody is
// known to have it.
func (o *Owners) Of(ctx context.Context, v engineio.Version, sid string) string {
	h, ok := o.sids.Read(sid)
	if ok && h.Node != "" {
		return o.Named(sid)
	}
	if !ok && v != engineio.V3 {
		return ""
	}
	if ok {
		switch own, others := h.Is(o.link.ID()), o.marked(h); {
		case own && len(others) == 0:
			return ""
		case !own && len(others) == 1:
			return others[0]
		}
	}
	return o.ask(ctx, sid)
}

// marked returns the other nodes whose mark is in a sid.
func (o *Owners) marked(h affinity.Home) (list []string) {
	for _, p := range o.link.Peers() {
		if p.ID != "" && h.Is(p.ID) && !slices.Contains(list, p.ID) {
			list = append(list, p.ID)
		}
	}
	return list
}

// ask asks all others who are there whether a sid is theirs, and returns the first
// who says so.
func (o *Owners) ask(ctx context.Context, sid string) string {
	second := time.Now().Unix()
	if !o.mayAsk(second) {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	peers := o.link.Peers()
	yes, all := make(chan string, len(peers)), new(sync.WaitGroup)
	for _, p := range peers {
		if p.Up {
			all.Go(func() {
				if o.has(ctx, p.ID, sid) {
					yes <- p.ID
				}
			})
		}
	}
	go func() { all.Wait(); close(yes) }()
	id, ok := <-yes
	if ok {
		o.wasReal(second)
		o.sids.Learn(sid, id)
	}
	return id
}

// mayAsk tells whether another question may be asked in that second.
func (o *Owners) mayAsk(second int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if second != o.second {
		o.second, o.asked = second, 0
	}
	o.asked++
	return o.asked <= mostQuestions
}

// wasReal takes back that a question of that second counts: clients that all come
// anew at once, as behind the end of a node, are no strangers.
func (o *Owners) wasReal(second int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if second == o.second {
		o.asked--
	}
}

// has asks a node whether it has a sid.
func (o *Owners) has(ctx context.Context, id, sid string) bool {
	r := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: id, Path: "/", RawQuery: url.Values{"sid": {sid}}.Encode()},
		Header: http.Header{kind: {asks}},
	}
	res, err := o.link.RoundTrip(id, r.WithContext(ctx))
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusNoContent
}
