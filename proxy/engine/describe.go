package engine

import (
	"context"

	"usher/proxy/session"
)

// described is what one session has said of itself.
type described struct {
	session *session.Session
	detail  session.Detail
}

// Describe asks the sessions of list that are split by namespace. What has
// given no answer when ctx ends is missing.
func (s *Server) Describe(ctx context.Context, list []*session.Session) map[*session.Session]session.Detail {
	answers, asked := make(chan described, len(list)), 0
	for _, x := range list {
		if x.Describe(func(d session.Detail) { answers <- described{x, d} }) {
			asked++
		}
	}
	said := make(map[*session.Session]session.Detail, asked)
	if asked == 0 {
		return said
	}
	addresses := s.addresses()
	for range asked {
		select {
		case a := <-answers:
			for i := range a.detail.Legs {
				leg := &a.detail.Legs[i]
				leg.Endpoint = addresses[leg.Tag]
			}
			said[a.session] = a.detail
		case <-ctx.Done():
			return said
		}
	}
	return said
}

// addresses returns those of all endpoints by their tags.
func (s *Server) addresses() map[string]string {
	all := make(map[string]string)
	for identity, e := range s.Upstreams().Endpoints() {
		all[s.tag(identity)] = e.Address
	}
	return all
}
