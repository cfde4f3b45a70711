package namespaces

import (
	"encoding/json"
	"net/netip"
	"time"

	"usher/proxy/demux"
	"usher/proxy/handshake"
	"usher/proxy/relay"
	"usher/proxy/upstream"
)

// State is what a Server knows of a session besides its fan, as data for the
// process that takes this one's place. Fields may be added and removed. It has
// what the client's headers have.
type State struct {
	Route   string
	Client  netip.Addr      // where it is counted
	Options json.RawMessage // optionsState; the same bytes for all sessions of a route
	Request handshake.LegRequestState
	Context upstream.ContextState
}

// optionsState is a split as data, as far as its sessions depend on it.
type optionsState struct {
	Demux            *demux.Config
	Client, Upstream *relay.Options
	OutLimit         int `json:",omitempty"`
	LegQueue         int `json:",omitempty"`
	MaxPayload       int64
	Guarded          bool `json:",omitempty"`
	HandshakeTimeout time.Duration
}

// State returns what there is of the session with that sid, whose fan is packed.
func (s *Server) State(sid string) (st State, ok bool) {
	v := s.sids.find(sid)
	if v == nil {
		return st, false
	}
	return State{
		Route: v.split.route.String(), Client: v.client, Options: v.split.carried(),
		Request: v.dialler.request.State(), Context: upstream.ContextStateOf(v.dialler.ctx),
	}, true
}

// carry returns p's options as data.
func (p *split) carry() []byte {
	o := p.options
	text, err := json.Marshal(optionsState{
		Demux: o.Demux, Client: o.Client, Upstream: o.Upstream, OutLimit: o.OutLimit, LegQueue: o.LegQueue,
		MaxPayload: p.MaxPayload, Guarded: p.guarded, HandshakeTimeout: p.route.Limits.HandshakeTimeout,
	})
	if err != nil {
		panic("namespaces: options of a route are no JSON: " + err.Error())
	}
	return text
}
