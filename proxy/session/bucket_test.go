package session

import (
	"testing"
	"time"
)

// A client may send 10 bytes a second, 10 at once, and what gathered while it
// was not read.
func TestBucket(t *testing.T) {
	type step struct {
		at     time.Duration
		unread time.Duration // before at
		bytes  int
		ok     bool
	}
	const s = time.Second
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"at its rate", []step{{100 * s, 0, 10, true}, {101 * s, 0, 10, true}, {102 * s, 0, 10, true}}},
		{"a burst, and what came since", []step{{100 * s, 0, 10, true}, {100*s + s/2, 0, 5, true}}},
		{"over its rate", []step{{100 * s, 0, 10, true}, {100*s + s/2, 0, 6, false}}},
		{"over its burst", []step{{100 * s, 0, 11, false}}},
		{"gathered while not read", []step{{100 * s, 0, 10, true}, {105 * s, 5 * s, 50, true}, {105 * s, 0, 1, false}}},
		{"more than can have gathered", []step{{100 * s, 0, 10, true}, {105 * s, 5 * s, 61, false}}},
		{"never read before", []step{{105 * s, 5 * s, 60, true}}},
		{"gathered in two holds", []step{{100 * s, 0, 10, true}, {102 * s, 2 * s, 0, true}, {104 * s, 2 * s, 40, true}}},
		{"the credit is used once", []step{{100 * s, 0, 10, true}, {105 * s, 5 * s, 50, true}, {106 * s, 0, 11, false}}},
		{"it runs out while the client is read", []step{{100 * s, 0, 1, true}, {105 * s, 5 * s, 1, true}, {111 * s, 0, 11, false}}},
		{"half of it runs out", []step{{100 * s, 0, 1, true}, {104 * s, 4 * s, 1, true}, {106 * s, 0, 30, true}, {106 * s, 0, 1, false}}},
	} {
		b := NewBucket(MaxRate{Bytes: 10})
		for i, st := range tt.steps {
			if st.unread > 0 {
				b.Unread(st.at-st.unread, st.at)
			}
			if ok := b.Spend(st.at, 1, st.bytes); ok != st.ok {
				t.Errorf("%s, step %d: got %v, want %v", tt.name, i, ok, st.ok)
			}
		}
	}
}
