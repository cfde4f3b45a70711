package transfer

import (
	"encoding/json"
	"fmt"

	"usher/proxy/front"
	"usher/proxy/handover"
)

// comers implement handover.Delivery for clients that ask for nothing yet.
type comers []comer

type comer struct{ commit, drop func() }

func (t *Taker) prepareClients(body []byte, descriptors []int) (handover.Delivery, error) {
	var states []front.ClientState
	if err := json.Unmarshal(body, &states); err != nil {
		return nil, err
	}
	if len(states) != len(descriptors) {
		return nil, fmt.Errorf("%d clients with %d descriptors", len(states), len(descriptors))
	}
	var list comers
	for i, st := range states {
		commit, drop, err := t.Arrive(st, descriptors[i])
		if err != nil {
			return nil, err
		}
		list = append(list, comer{commit, drop})
	}
	return list, nil
}

// Commit implements handover.Delivery.
func (list comers) Commit() {
	for _, one := range list {
		one.commit()
	}
}

// Drop implements handover.Delivery.
func (list comers) Drop() {
	for _, one := range list {
		one.drop()
	}
}
