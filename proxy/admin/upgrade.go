package admin

import "net/http"

// Upgraded says which process has taken this one's place, and what it has taken.
type Upgraded struct {
	PID     int            `json:"pid"`
	Moved   int            `json:"moved"`   // sessions, whose clients have noticed nothing
	Seconds float64        `json:"seconds"` // that it took
	Later   int            `json:"later"`   // sessions that are busy for a moment, and move then
	Drain   map[string]int `json:"drain"`   // sessions that stay and are told to end, by what keeps them
}

func (h *Handler) upgrade(r *http.Request) (any, error) {
	if err := readJSON(r, &struct{}{}); err != nil {
		return nil, err
	}
	h.Log.Info("operator upgrades", by(r)...)
	done, err := h.Broker.Upgrade(r.Context())
	if err != nil {
		return nil, failure(http.StatusUnprocessableEntity, "%v", err)
	}
	return done, nil
}
