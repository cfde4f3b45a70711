package affinity

// Memory is what a guide knows that no request brings along, as data.
type Memory struct {
	SIDs     [][2]string `json:",omitempty"` // with their endpoints, the oldest first
	Sessions [][2]string `json:",omitempty"` // of SockJS, likewise
	Alone    string      `json:",omitempty"` // the endpoint that has given sids without a tag
}

// Memory returns what g knows.
func (g *Guide) Memory() Memory {
	m := Memory{SIDs: g.learned.all(), Sessions: g.sessions.all()}
	if alone := g.alone.Load(); alone != nil {
		m.Alone = *alone
	}
	return m
}

// Recall adds to what g knows.
func (g *Guide) Recall(m Memory) {
	g.learned.putAll(m.SIDs)
	g.sessions.putAll(m.Sessions)
	if m.Alone != "" {
		g.alone.CompareAndSwap(nil, &m.Alone)
	}
}

func (l *learned) all() (list [][2]string) {
	for _, sid := range l.endpoints.Keys() {
		if endpoint, ok := l.endpoints.Peek(sid); ok {
			list = append(list, [2]string{sid, endpoint})
		}
	}
	return list
}

func (l *learned) putAll(list [][2]string) {
	for _, one := range list {
		if l.get(one[0]) == "" { // what is known here is newer
			l.put(one[0], one[1])
		}
	}
}
