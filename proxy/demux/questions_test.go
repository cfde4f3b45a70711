package demux

import (
	"math/rand/v2"
	"testing"
)

// TestQuestionsNeverMeet has an upstream come back again and again, now as the
// same process, now as one that counts from 0: no id is told twice, and an
// answer reaches the question it is for, or nobody.
func TestQuestionsNeverMeet(t *testing.T) {
	type question struct{ leg, id uint64 }
	var q questions
	told := make(map[uint64]question)
	counter, most := uint64(0), uint64(0)
	random := rand.New(rand.NewPCG(1, 2))
	for leg := range uint64(300) {
		for range random.IntN(100) {
			id, ok := q.ask(counter)
			if before, twice := told[id]; twice || !ok {
				t.Fatalf("question %d of leg %d: got id %d, which is that of %v", counter, leg, id, before)
			}
			told[id] = question{leg, counter}
			counter, most = counter+1, max(most, id)
		}
		for id, asked := range told {
			got, ok := q.answered(id)
			if ok != (asked.leg == leg) || ok && got != asked.id {
				t.Fatalf("answer to %v at leg %d: got %d, %t", asked, leg, got, ok)
			}
		}
		q.anew()
		if random.IntN(3) > 0 {
			counter = 0
		}
	}
	if most >= 1<<31 {
		t.Errorf("got an id of %d, which is too large for 32 bits", most)
	}
}

// TestQuestionsOutOfOrder has ids that do not come in their order: those of
// several namespaces, each of which counts for itself.
func TestQuestionsOutOfOrder(t *testing.T) {
	var q questions
	for _, id := range []uint64{7, 0, 3} {
		if got, ok := q.ask(id); got != id || !ok {
			t.Errorf("first leg: got %d, %t, want %d as it is", got, ok, id)
		}
	}
	q.anew()
	for _, id := range []uint64{0, 9, 2} {
		if got, ok := q.ask(id); got != 8+id || !ok {
			t.Errorf("second leg: got %d, %t, want %d", got, ok, 8+id)
		}
	}
	if _, ok := q.answered(7); ok {
		t.Errorf("got an answer to a question of the first leg")
	}
	if got, ok := q.answered(17); got != 9 || !ok {
		t.Errorf("got %d, %t, want 9", got, ok)
	}
	q.anew()
	if got, _ := q.ask(0); got != 18 {
		t.Errorf("third leg: got %d, want 18", got)
	}
}

// TestF05IDsOfQuietLegs has ids change only where the client was asked before.
func TestF05IDsOfQuietLegs(t *testing.T) {
	play4(t, shop().onLoss(Reconnect), joined+`
admin.goes
	admin.dial avoid=a1
admin.opens
	admin 40/admin,
admin 40/admin,{"sid":"s"}
	client 40/admin,{"sid":"s"}
admin 42/admin,5["first"]
	client 42/admin,5["first"]
client 43/admin,5["answer"]
	admin 43/admin,5["answer"]
admin 451-/admin,8["half of it comes"]
admin.goes
pass 60ms
	admin.dial
admin.opens
	admin 40/admin,
admin 40/admin,{"sid":"s"}
	client 40/admin,{"sid":"s"}
admin 42/admin,0["second"]
	client 42/admin,6["second"]
`)
}

// TestF05IDsRunOut has an upstream that counts as far as JavaScript can: behind
// that there is no id for a question.
func TestF05IDsRunOut(t *testing.T) {
	f := play4(t, shop().onLoss(Reconnect), joined+`
admin 42/admin,9007199254740990["as it is"]
	client 42/admin,9007199254740990["as it is"]
admin.goes
	admin.dial avoid=a1
admin.opens
	admin 40/admin,
admin 40/admin,{"sid":"s"}
	client 40/admin,{"sid":"s"}
admin 42/admin,0["the last"]
	client 42/admin,9007199254740991["the last"]
`)
	f.play(wire("admin 42/admin,1[\"one more\"]\n\tend leg_lost"))

	play4(t, shop().onLoss(Reconnect), joined+`
admin 42/admin,9007199254740991["the last"]
	client 42/admin,9007199254740991["the last"]
admin.goes
	end leg_lost
`)
}
