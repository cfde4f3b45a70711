package namespaces

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"usher/proxy/config"
	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/limits"
	"usher/proxy/relay"
	"usher/proxy/route"
	"usher/proxy/session"
)

// Arrival is a session that has come from another process, of which everything is
// done that may fail.
type Arrival struct {
	visitor *visitor
	sid     string
	legs    []session.Leg
	relay   *relay.Arrival
}

var errOptions = errors.New("options of a route that it cannot have")

// Unpack makes of a session's state, that of its fan and the descriptors of its
// parcel an Arrival. It keeps the options that it began with, if the table has
// other ones. The descriptors are the arrival's; if there is an error, they are
// still the caller's.
func (t *Table) Unpack(st State, x session.State, f *relay.FanState, descriptors []int) (*Arrival, error) {
	p, err := t.splitOf(&st)
	if err != nil {
		return nil, err
	}
	v := &visitor{split: p, version: f.Version, client: st.Client, dialler: &dialler{split: p}}
	if f.Version != engineio.V3 && f.Version != engineio.V4 || f.SID == "" {
		return nil, fmt.Errorf("engine.io session %d without what it needs", f.Version)
	}
	if v.dialler.request, err = st.Request.LegRequest(); err != nil {
		return nil, err
	}
	if v.dialler.ctx, err = st.Context.Context(); err != nil {
		return nil, err
	}
	v.dialler.client = clientAttrs(x.ID, x.Client)
	a := &Arrival{visitor: v, sid: f.SID}
	for i := range f.Strands {
		if to := f.Strands[i].To; to.Target != "" {
			a.legs = append(a.legs, to)
		}
	}
	v.fan, a.relay, err = f.Unpack(p.options, v.entry(f.SID, f.Polling, f.Base64), t.server.regain, descriptors)
	return a, err
}

// Commit has the session go on here, where x is what it is. It returns the
// identities of the endpoints of its legs that this process does not serve.
func (a *Arrival) Commit(x *session.Session) (lost []string) {
	v := a.visitor
	s := v.split.server
	v.leave = s.Open.Hold(&v.split.route.Quota, v.split.route.String(), limits.Client{Address: v.client, User: x.User})
	s.Frames.TakeIn(x, a.relay, func() { v.leave() })
	if !s.sids.add(a.sid, v) {
		v.fan.Break(errTwice)
	}
	s.expected.arrived(a.sid)
	for _, to := range a.legs {
		if s.lost(to.Upstream, to.Target) {
			lost = append(lost, to.Target)
		}
	}
	return lost
}

// Drop closes what the other process still has.
func (a *Arrival) Drop() { a.relay.Drop() }

// regain counts a leg that has come from another process at its endpoint.
func (s *Server) regain(to session.Leg) relay.Dialled {
	d := relay.Dialled{Tag: s.tag(to.Target), To: to, Lost: func() bool { return s.lost(to.Upstream, to.Target) }}
	if e := s.Upstreams().Endpoint(to.Target); e != nil {
		e.Hold()
		d.Release = e.Release
	}
	return d
}

// splitOf returns the table's route if it has the options of st, or one for those
// sessions alone.
func (t *Table) splitOf(st *State) (*split, error) {
	for _, p := range t.splits {
		if p.route.String() == st.Route && bytes.Equal(p.carried(), st.Options) {
			return p, nil
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := st.Route + "\x00" + string(st.Options)
	if p := t.foreign[key]; p != nil {
		return p, nil
	}
	p, err := t.server.foreignSplit(st)
	if err == nil {
		if t.foreign == nil {
			t.foreign = make(map[string]*split)
		}
		t.foreign[key] = p
	}
	return p, err
}

// foreignSplit is a route that the routes file does not have, or has otherwise.
func (s *Server) foreignSplit(st *State) (*split, error) {
	var o optionsState
	if err := json.Unmarshal(st.Options, &o); err != nil {
		return nil, err
	}
	if o.Demux == nil || o.Client == nil || o.Upstream == nil || !o.Demux.Sound() {
		return nil, errOptions
	}
	r := &route.Route{Route: &config.Route{Path: st.Route, SocketIO: &config.SocketIO{
		PingInterval: o.Demux.PingInterval, PingTimeout: o.Demux.PingTimeout, MaxPayload: o.MaxPayload,
	}}}
	r.Limits.HandshakeTimeout = o.HandshakeTimeout
	p := &split{guarded: o.Guarded, SocketIO: r.SocketIO, server: s, route: r, errors: s.stats.errors.of(st.Route)}
	p.options = &relay.FanOptions{
		Demux: demux.NewConfig(*o.Demux), Counts: &s.stats.demux, Probes: &s.stats.upgrades,
		Client: o.Client, Upstream: o.Upstream, OutLimit: o.OutLimit, LegQueue: o.LegQueue,
	}
	for i := range o.Demux.Services {
		p.services, p.outages = append(p.services, o.Demux.Services[i].Name), append(p.outages, new(outage))
	}
	p.carried = func() []byte { return st.Options }
	return p, nil
}

// clientAttrs say in the log who a client is.
func clientAttrs(id, address string) []slog.Attr {
	return []slog.Attr{slog.String("id", id), slog.String("client", address)}
}
