package demux

// questions are the ids of acknowledgements by which a client knows what the
// upstream of a leg asks. An upstream that starts anew counts its questions
// from 0 again, so an answer to an old question could be taken for one to a new
// question. Therefore what is asked after a leg was lost has ids behind all
// that the client was told before, and a smaller one is an old answer.
//
// The ids stay as small as that allows, as clients that are not JavaScript read
// them as 32 bits: an id that has the number of the leg in its upper bits would
// be none to them, however few questions there were.
type questions struct {
	base uint64 // is added to the upstream's ids
	next uint64 // behind all that the client was told
}

// maxID is as far as JavaScript counts, in maxDigits digits.
const (
	maxID     = 1<<53 - 1
	maxDigits = 16
)

// ask returns the id by which the client is to know the upstream's id. It is
// not ok if there is none.
func (q *questions) ask(id uint64) (told uint64, ok bool) {
	told = q.base + id
	q.next = max(q.next, told+1)
	return told, told <= maxID
}

// answered returns the upstream's id for one of the client's. It is not ok if
// that answers a question that was asked through an earlier leg.
func (q *questions) answered(id uint64) (upstream uint64, ok bool) {
	return id - q.base, id >= q.base
}

// anew says that the leg was lost.
func (q *questions) anew() { q.base = q.next }

// exhausted tells whether there are no ids for another leg.
func (q *questions) exhausted() bool { return q.next > maxID }
