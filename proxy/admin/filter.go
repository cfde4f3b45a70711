package admin

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"usher/proxy/session"
)

// filter says which sessions are meant: those that fit all that is set.
type filter struct {
	route, upstream, endpoint string
	client                    netip.Prefix // zero for any
	text                      string       // lower case; stands in any of the words
}

// filterKeys are the parameters of a filter and of a list.
var filterKeys = []string{"route", "upstream", "endpoint", "client", "q", "limit"}

// readFilter reads the filter of a list. more are parameters that the list has
// besides: an unknown one is told, as a filter that is not understood would let
// everything pass.
func readFilter(r *http.Request, more ...string) (filter, error) {
	query := r.URL.Query()
	for key := range query {
		if !slices.Contains(filterKeys, key) && !slices.Contains(more, key) {
			return filter{}, failure(http.StatusBadRequest, "unknown parameter %q", key)
		}
	}
	return newFilter(query.Get("route"), query.Get("upstream"), query.Get("endpoint"), query.Get("client"), query.Get("q"))
}

func newFilter(route, upstream, endpoint, client, text string) (filter, error) {
	f := filter{route: route, upstream: upstream, endpoint: endpoint, text: strings.ToLower(text)}
	if client == "" {
		return f, nil
	}
	if a, err := netip.ParseAddr(client); err == nil {
		a = a.Unmap()
		f.client = netip.PrefixFrom(a, a.BitLen())
		return f, nil
	}
	p, err := netip.ParsePrefix(client)
	if err != nil {
		return f, failure(http.StatusBadRequest, "client must be an address or a network such as \"10.0.0.0/8\", not %q", client)
	}
	f.client = p.Masked()
	return f, nil
}

// takes tells whether s fits all but the text.
func (f filter) takes(s *session.Session) bool {
	return (f.route == "" || f.route == s.Route) && f.leads(s) && (!f.client.IsValid() || isFrom(s, f.client))
}

// leads tells whether s goes to the upstream and the endpoint: with one of its
// legs, if it has several.
func (f filter) leads(s *session.Session) bool {
	if f.upstream == "" && f.endpoint == "" {
		return true
	}
	legs, split := s.Legs()
	if !split {
		legs = []session.Leg{{Upstream: s.Upstream, Endpoint: s.Endpoint}}
	}
	return slices.ContainsFunc(legs, func(l session.Leg) bool {
		return (f.upstream == "" || f.upstream == l.Upstream) && (f.endpoint == "" || hasEndpoint(l, f.endpoint))
	})
}

// finds tells whether the text stands in what is known of s: its namespaces are
// known to whoever asks.
func (f filter) finds(s *session.Session, namespaces []string) bool {
	words := append([]string{s.ID, s.Route, s.Upstream, s.Endpoint, s.Client}, namespaces...)
	legs, _ := s.Legs()
	for _, l := range legs {
		words = append(words, l.Upstream, l.Endpoint)
	}
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(strings.ToLower(word), f.text) })
}

func isFrom(s *session.Session, network netip.Prefix) bool {
	a, err := netip.ParseAddr(s.Client)
	return err == nil && network.Contains(a)
}

// hasEndpoint takes an address with its scheme in front or without.
func hasEndpoint(l session.Leg, name string) bool {
	if _, address, ok := strings.Cut(name, "://"); ok {
		name = address
	}
	return l.Endpoint == strings.TrimPrefix(name, "unix:")
}
