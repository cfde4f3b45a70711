package session

import "time"

// State is a session as data, so that another process can go on with it.
type State struct {
	Info
	Number       uint64
	FromClient   CountersState
	FromUpstream CountersState
}

// CountersState are Counters as data.
type CountersState struct {
	Messages uint64 `json:",omitempty"`
	Bytes    uint64 `json:",omitempty"`
	Last     int64  `json:",omitempty"`
}

func (c *Counters) state() CountersState {
	return CountersState{c.Messages.Load(), c.Bytes.Load(), c.Last.Load()}
}

func (c *Counters) restore(st CountersState) {
	c.Messages.Store(st.Messages)
	c.Bytes.Store(st.Bytes)
	c.Last.Store(st.Last)
}

// State returns what s has come to. Its relay must not move anything meanwhile.
func (s *Session) State() State {
	info, e := s.Info, s.expiry()
	info.Expires, info.ExpiryCode = e.expires, e.code
	return State{info, s.Number, s.FromClient.state(), s.FromUpstream.state()}
}

// Restore adds a session that has begun in another process, which does not have
// it any more. It counts among those that were opened.
func (r *Registry) Restore(st State) *Session {
	s := r.revive(st)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened++
	s.total = r.totalOf(st.Route, st.Upstream)
	s.total.opened++
	r.live[s] = struct{}{}
	return s
}

// revive returns the session that st is of, in no list.
func (r *Registry) revive(st State) *Session {
	s := &Session{Info: st.Info, Number: st.Number, registry: r}
	s.FromClient.restore(st.FromClient)
	s.FromUpstream.restore(st.FromUpstream)
	return s
}

// Leave takes a session off its registry that goes on in another process: here
// it neither ends nor is counted any more.
func (s *Session) Leave() {
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.live, s)
}

// Last returns the number of the newest session.
func (r *Registry) Last() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// GoOn has the sessions that begin here have higher numbers than last, as those
// have that another process gives away.
func (r *Registry) GoOn(last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = max(r.last, last)
}

// BucketState is a Bucket as data. Times are from now on, and negative before.
type BucketState struct {
	Messages time.Duration `json:",omitempty"`
	Bytes    time.Duration `json:",omitempty"`
	Unread   time.Duration `json:",omitempty"`
	Last     time.Duration `json:",omitempty"`
}

// State returns what b has come to at now; that of nil is the zero value.
func (b *Bucket) State(now time.Duration) BucketState {
	if b == nil {
		return BucketState{}
	}
	return BucketState{b.messages - now, b.bytes - now, b.unread, b.last - now}
}

// Restore has b, which is new or nil, go on at now where another has stopped.
func (b *Bucket) Restore(now time.Duration, st BucketState) {
	if b != nil {
		b.messages, b.bytes, b.unread, b.last = now+st.Messages, now+st.Bytes, st.Unread, now+st.Last
	}
}
