package admin

import "net/http"

// Upgraded says which process has taken this one's place.
type Upgraded struct {
	PID int `json:"pid"`
}

func (h *Handler) upgrade(r *http.Request) (any, error) {
	if err := readJSON(r, &struct{}{}); err != nil {
		return nil, err
	}
	pid, err := h.Broker.Upgrade(r.Context())
	if err != nil {
		return nil, failure(http.StatusUnprocessableEntity, "%v", err)
	}
	return Upgraded{pid}, nil
}
