//go:build linux

package main

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"
)

// page asks for a page again and again, on connections that are kept.
type page struct{ clients int }

func (p page) run(t *trial) ([]value, error) {
	all := make([]session, p.clients)
	err := t.dialer.each(t.ctx, p.clients, func(i int) (err error) {
		all[i].link, err = t.dialer.connect()
		return err
	})
	defer func() {
		for _, s := range all {
			if s.link != nil {
				s.link.Close()
			}
		}
	}()
	if err != nil {
		return nil, err
	}
	if _, err := p.ask(t, all, t.length.warm); err != nil {
		return nil, err
	}
	var requests int64
	err = t.measured(func() (err error) {
		requests, err = p.ask(t, all, t.length.measure)
		return err
	})
	if err != nil {
		return nil, err
	}
	if requests == 0 {
		return nil, errNothing
	}
	return []value{{perRequest, microseconds(t.cost.proxy.total) / float64(requests)}}, nil
}

// ask has each client ask for d, one request after the other.
func (p page) ask(t *trial, all []session, d time.Duration) (int64, error) {
	var requests atomic.Int64
	end := time.Now().Add(d)
	err := t.dialer.each(t.ctx, len(all), func(i int) error {
		for time.Now().Before(end) && t.ctx.Err() == nil {
			body, err := all[i].exchange("GET " + pathPage)
			if err != nil {
				return err
			}
			if !bytes.Equal(body, pageBody) {
				return fmt.Errorf("got a page of %d bytes that is not the upstream's", len(body))
			}
			requests.Add(1)
		}
		return nil
	})
	return requests.Load(), err
}
