package session

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// A session that goes on in another process is there what it was here, and here
// it is no more: nothing says that it has ended.
func TestRestore(t *testing.T) {
	ended := 0
	before := NewRegistry(func(*Session, End) { ended++ })
	mark := NewMarker([32]byte{7}, []string{"X-User"}).Mark("X-User", "ann")
	s := before.Open(Info{ID: "one", Route: "/ws", Upstream: "chat", Claim: "claim", Started: time.Unix(5, 6).UTC(), Handshake: time.Second, Marks: []Mark{mark}})
	s.FromClient.Messages.Store(3)
	s.FromUpstream.Bytes.Store(4)
	s.FromUpstream.Last.Store(5)
	s.Retime(1700000000, 3001)
	text, err := json.Marshal(s.State())
	if err != nil {
		t.Fatal(err)
	}
	var st State
	if err := json.Unmarshal(text, &st); err != nil {
		t.Fatal(err)
	}
	s.Leave()
	if got := before.Stats(); got.Open != 0 || ended != 0 || len(before.Ended()) != 0 {
		t.Errorf("before: got %+v and %d ends, want none open and none ended", got, ended)
	}
	after := NewRegistry(func(*Session, End) { ended++ })
	after.GoOn(before.Last() + 10)
	moved := after.Restore(st)
	if !reflect.DeepEqual(moved.State(), s.State()) {
		t.Errorf("got %+v, want %+v", moved.State(), s.State())
	}
	if at, ok := moved.Expiry(); !ok || at.Unix() != 1700000000 || moved.ExpiryClose() != 3001 {
		t.Errorf("got it to end at %v", at)
	}
	if !moved.Marked(mark) {
		t.Error("got it without its mark")
	}
	if got := after.Open(Info{}).Number; got <= moved.Number {
		t.Errorf("got number %d for a newer session, want more than %d", got, moved.Number)
	}
	moved.End(End{Time: time.Now()})
	if got := after.Stats(); got.Open != 1 || got.Opened != 2 || ended != 1 {
		t.Errorf("after: got %+v and %d ends, want 1 of 2 open and 1 ended", got, ended)
	}
	if got := after.Totals()[1]; got.Handshake.Count != 0 || got.FromClient.Messages != 3 {
		t.Errorf("got %+v, want a handshake that was counted elsewhere left out", got)
	}
}

func TestMarkText(t *testing.T) {
	for _, text := range []string{"", "00", "zz"} {
		if err := new(Mark).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got nil, want an error", text)
		}
	}
}

// What a client has used of its rate it has used in the next process, too,
// whatever that counts its times from.
func TestBucketState(t *testing.T) {
	for _, later := range []time.Duration{0, time.Hour} {
		b := NewBucket(MaxRate{Messages: 10, Bytes: 1000})
		now := 50 * time.Second
		if !b.Spend(now, 10, 10) {
			t.Fatal("got the burst refused")
		}
		next := NewBucket(MaxRate{Messages: 10, Bytes: 1000})
		next.Restore(now+later, b.State(now))
		if next.Spend(now+later, 1, 1) {
			t.Error("got more than the burst")
		}
		if !next.Spend(now+later+200*time.Millisecond, 1, 1) {
			t.Error("got refused what time has paid for")
		}
	}
	var none *Bucket
	none.Restore(time.Second, none.State(time.Second))
}
