package headers

import (
	"net/http"
	"slices"
)

// Disown takes away from h, as a client has sent it, what only auth may say, under
// any name that an upstream might read so. Nobody is believed here, whatever
// trusted_proxies says.
func (rules Rules) Disown(h http.Header) {
	if len(rules.Given) == 0 {
		return
	}
	for name := range h {
		if slices.Contains(rules.Given, Meaning(name)) {
			delete(h, name)
		}
	}
}

// Give has h, as a client has sent it, say who the client is, for those who look at
// it on the way.
func (s *Sender) Give(h http.Header) {
	for _, g := range s.Given {
		h[g.Name] = []string{g.Value}
	}
}
