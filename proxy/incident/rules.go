package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/proxy/refusal"
	"usher/proxy/upstream"
)

const (
	soon = 7 * 24 * time.Hour
	// Of the descriptors so many parts may be open.
	mostOpen, ofParts = 4, 5
)

// states are the incidents that an observation has by itself. Those without a
// Since begin when they are first seen.
func (o *Observation) states() (list []Incident) {
	for i := range o.Upstreams {
		list = append(list, o.ofUpstream(&o.Upstreams[i])...)
	}
	for _, a := range o.Outages {
		hurt := "who is let in by it alone gets 503: "
		if a.Kept {
			hurt = "the last key set counts, and tokens of newer keys are refused: "
		}
		list = append(list, Incident{Kind: AuthDown, Name: a.Kind + " " + a.URL, Since: a.Since, Text: hurt + a.Err.Error()})
	}
	if o.MaxDescriptors > 0 && o.Descriptors*ofParts > o.MaxDescriptors*mostOpen {
		list = append(list, Incident{Kind: Descriptors, Text: fmt.Sprintf("%d of %d are open: at the limit new clients wait", o.Descriptors, o.MaxDescriptors)})
	}
	if o.Faults != nil {
		list = append(list, Incident{Kind: ReloadRefused, Since: o.Refused, Text: "the one before is served: " + strings.Join(o.Faults, "; ")})
	}
	if o.Stopping {
		list = append(list, Incident{Kind: Stopping, Text: fmt.Sprintf("%d sessions are left", o.Sessions)})
	}
	for _, d := range o.Drains {
		list = append(list, Incident{Kind: Drained, Name: d, Text: "no new session comes there until the same usher drain with --undo"})
	}
	return list
}

// ofCertificates are those that have ended at now, or should have been renewed.
func (o *Observation) ofCertificates(now time.Time) (list []Incident) {
	for _, c := range o.Certificates {
		one := Incident{Kind: Certificate, Name: c.Name}
		switch left := c.Ends.Sub(now); {
		case c.Ends.IsZero():
			one.Text = "there is none yet, and TLS handshakes for it fail: the log says what the authority answered"
		case left <= 0:
			one.Since, one.Text = c.Ends, "it has ended, and clients refuse it"
		case left < c.margin():
			one.Since, one.Text = c.Ends.Add(-c.margin()), fmt.Sprintf("it ends in %s, and has not been renewed", left.Round(time.Minute))
		default:
			continue
		}
		list = append(list, one)
	}
	return list
}

// ofUpstream is one line if none of its endpoints may be used, and else one for
// each that fails. What an operator has put out of use is no failure of its own.
func (o *Observation) ofUpstream(s *upstream.Stats) (list []Incident) {
	usable, last := 0, upstream.EndpointStats{}
	var since time.Time
	for _, e := range s.Endpoints {
		switch e.State {
		case upstream.Healthy, upstream.Unchecked:
			usable++
		case upstream.Unhealthy, upstream.CircuitOpen:
			list = append(list, Incident{Kind: EndpointDown, Name: s.Name + " " + e.Endpoint, Since: began(&e), Text: "others of its upstream serve: " + why(e)})
		case upstream.Draining, upstream.Disabled:
		}
		if at := began(&e); at.After(since) {
			last, since = e, at
		}
	}
	if usable > 0 || len(s.Endpoints) == 0 {
		return list
	}
	// The upstream is down since the last of its endpoints is.
	return []Incident{{Kind: UpstreamDown, Name: s.Name, Since: since, Text: o.hurt(s) + why(last)}}
}

// began is when e came out of use. One that fails goes from state to state: clients
// find out first, and its checks later.
func began(e *upstream.EndpointStats) time.Time {
	if fails := e.State == upstream.Unhealthy || e.State == upstream.CircuitOpen; fails && !e.Down.IsZero() {
		return e.Down
	}
	return e.Since
}

// hurt says who notices that an upstream is down.
func (o *Observation) hurt(s *upstream.Stats) string {
	var list []string
	if s.Held > 0 {
		list = append(list, plural(s.Held, "request waits", "requests wait"))
	}
	if n := o.Waiting[s.Name]; n > 0 {
		list = append(list, plural(n, "client waits", "clients wait")+" for a namespace")
	}
	if len(list) == 0 {
		list = append(list, "new clients are refused")
	}
	for _, other := range o.Upstreams {
		if slices.Contains(other.WaitsFor, s.Name) {
			list = append(list, other.Name+" takes no sockets, being after it")
		}
	}
	return strings.Join(list, ", ") + ": "
}

// why is what an endpoint has said last, in its own words.
func why(e upstream.EndpointStats) string {
	switch e.State {
	case upstream.Draining, upstream.Disabled:
		return "an operator has drained " + e.Endpoint
	case upstream.Unhealthy, upstream.CircuitOpen, upstream.Healthy, upstream.Unchecked:
	}
	return cmp.Or(e.LastError, "it does not answer")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// rates are what is counted, and wrong if it happens often.
func (o *Observation) rates() map[key]rate {
	all := make(map[key]rate)
	for k, n := range o.Refusals {
		if k.Reason != refusal.Gone.String() { // who went was refused by nobody
			all[key{Refuses, strings.TrimSpace(k.Route + " " + k.Reason)}] = rate{count: n}
		}
	}
	for _, h := range o.TLS {
		if h.Result != refusal.Secured && h.Result != refusal.ClientGone {
			all[key{TLSFails, string(h.Result)}] = rate{count: h.Count, last: h.Name}
		}
	}
	return all
}
