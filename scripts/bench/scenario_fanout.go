//go:build linux

package main

// fanout has the upstream send one message to all sockets, and the next when
// all have it.
type fanout struct{ sockets int }

func (f fanout) run(t *trial) ([]value, error) {
	l, err := newLoad(t.ctx, t.dialer, f.sockets, pathFan, opText, smallMessage)
	if err != nil {
		return nil, err
	}
	defer l.close()
	for _, s := range l.sockets {
		s.want = fanPayload()
		stamp(s.want, 0)
	}
	missing := f.sockets
	l.message = func(*socket) error {
		if missing--; missing > 0 {
			return nil
		}
		missing = f.sockets
		return t.upstream.fanOut()
	}
	if err := t.upstream.fanOut(); err != nil {
		return nil, err
	}
	if _, err := l.run(t.ctx, t.length.warm); err != nil {
		return nil, err
	}
	before := l.messages
	err = t.measured(func() error {
		_, err := l.run(t.ctx, t.length.measure)
		return err
	})
	if err != nil {
		return nil, err
	}
	if l.messages == before {
		return nil, errNothing
	}
	return []value{{perMessage, microseconds(t.cost.proxy.total) / float64(l.messages-before)}}, nil
}
