package session

// keptEnds is how many ended sessions are remembered.
const keptEnds = 1000

// Ended is a session that has ended, and how. Its counters do not move any more.
type Ended struct {
	*Session
	End
}

// ring keeps the last ends. The zero value is empty.
type ring struct {
	kept []Ended
	next int // where the next one goes, once the ring is full
}

func (r *ring) add(e Ended) {
	if len(r.kept) < keptEnds {
		r.kept = append(r.kept, e)
		return
	}
	r.kept[r.next] = e
	r.next = (r.next + 1) % keptEnds
}

// list returns what is kept, the latest first.
func (r *ring) list() []Ended {
	list := make([]Ended, len(r.kept))
	for i := range list {
		list[i] = r.kept[(r.next+len(r.kept)-1-i)%len(r.kept)]
	}
	return list
}
