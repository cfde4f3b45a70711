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
	messages, _, err := t.drive(l)
	if err != nil {
		return nil, err
	}
	return []value{{perMessage, microseconds(t.cost.proxy.total) / messages}}, nil
}
