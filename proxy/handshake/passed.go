package handshake

import (
	"net/http"

	"usher/proxy/engineio"
	"usher/proxy/headers"
	"usher/proxy/refusal"
)

// errUnknown is the answer to a request whose session nobody here can have.
var errUnknown = &refusal.Error{
	Status: http.StatusBadRequest, Reason: refusal.Protocol, Rule: engineio.SIDUnknown.Message(),
	EngineIO: &refusal.EngineIO{Code: engineio.SIDUnknown, Message: engineio.SIDUnknown.Message(), Server: true},
}

// ServePassed serves a request of a session, under a route with namespaces, that
// another usher has passed on. That has let its client in, who is s.
func (h *Handler) ServePassed(w http.ResponseWriter, r *http.Request, s headers.Sender) {
	if err := h.servePassed(w, r, s); err != nil {
		h.Refusals.Refuse(w, r, s, err)
	}
}

func (h *Handler) servePassed(w http.ResponseWriter, r *http.Request, s headers.Sender) error {
	q, err := h.find(r)
	if err != nil {
		return err
	}
	if len(q.match.Route.Namespaces) == 0 { // the other has another routes file
		return errUnknown
	}
	r.Pattern = q.match.Route.String()
	return h.split(w, r, Visit{
		Match: q.match, Query: q.query, Sender: s, Upgrade: q.upgrade, Passed: true, Marker: h.Marker, Tracer: h.Tracer, offer: q.offer, handler: h,
	})
}

// chosen is what of v's offer another usher has agreed to, as the head of its answer
// says.
func (v *Visit) chosen(head http.Header) (g agreed, err error) {
	var a answer
	for name, values := range head {
		for _, value := range values {
			a.lines = append(a.lines, line{name, value})
		}
	}
	var ok bool
	if g.protocol, ok = a.protocol(v.offer.protocols); !ok {
		return g, errChosen
	}
	if g.deflate, ok = a.deflate(v.offer.extensions); !ok {
		return g, errChosen
	}
	return g, nil
}

var errChosen = &refusal.Error{Status: http.StatusBadGateway, Reason: refusal.Answer, Rule: "another node has agreed to what was not offered"}
