package affinity

import lru "github.com/hashicorp/golang-lru/v2"

// maxLearned bounds what is remembered, of the sids used least recently the
// first to go: at about 150 bytes each, 10 MB for an upstream.
const maxLearned = 1 << 16

// learned remembers which endpoint gave which sid. What is out of date does no
// harm: its endpoint answers that it does not know the sid. Nothing is dropped
// at an upgrade, as the client goes on to poll until it has seen it succeed; but
// its sid is not used any more then, and is among the first to go.
type learned struct {
	endpoints *lru.Cache[string, string]
}

func newLearned(size int) *learned {
	cache, err := lru.New[string, string](size)
	if err != nil {
		panic(err) // size is not positive: a fault of ours
	}
	return &learned{cache}
}

func (l *learned) put(sid, endpoint string) { l.endpoints.Add(sid, endpoint) }

// get returns the endpoint of sid, "" if none is known.
func (l *learned) get(sid string) string {
	endpoint, _ := l.endpoints.Get(sid)
	return endpoint
}
