package store

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	var b breaker
	now := time.Now()
	for range 10 { // failures that are not in a row
		for range breakAfter - 1 {
			if !b.allow(now) || b.fail(now) {
				t.Fatal("before three failures in a row: got calls held back")
			}
		}
		if away := b.pass(now); away != 0 || !b.since().IsZero() {
			t.Fatalf("an answer: got away for %v, want 0", away)
		}
	}
	for i := range breakAfter {
		if !b.allow(now) || b.fail(now) != (i == breakAfter-1) {
			t.Fatalf("failure %d: got otherwise than open at the third", i)
		}
	}
	began, before := now, time.Duration(0)
	for range 10 { // it lets one through, ever more seldom
		if b.allow(now) {
			t.Fatal("at once behind a failure: got a call through")
		}
		now = now.Add(lastPause)
		if !b.allow(now) || b.allow(now) {
			t.Fatal("behind the pause: want one call through, no more")
		}
		b.fail(now)
		if b.pause < before || b.pause > lastPause || b.next.Sub(now) < b.pause/2 {
			t.Fatalf("pause: got %v behind %v", b.pause, before)
		}
		before = b.pause
	}
	now = now.Add(lastPause)
	if !b.allow(now) {
		t.Fatal("behind the pause: got no call through")
	}
	b.drop()
	if !b.allow(now) {
		t.Fatal("behind a call whose caller has gone: got no call through")
	}
	if !b.since().Equal(began) || b.pass(now) != now.Sub(began) || !b.allow(now) || !b.allow(now) || !b.since().IsZero() {
		t.Error("behind an answer: got calls held back")
	}
}
