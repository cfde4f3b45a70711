package demux

// incarnation is how often a leg was dialled again behind the client's back.
// An upstream that starts anew counts its questions from 0 again, so an answer
// to an old question could be taken for one to a new one. Therefore the ids of
// later incarnations are told to the client with the incarnation in the bits
// above the 40th.
type incarnation uint16

const (
	idBits = 40
	// maxIncarnation keeps ids below 2^53, which is as far as JavaScript counts.
	maxIncarnation incarnation = 8000
)

// asked returns the id by which the client knows the upstream's id.
func (g incarnation) asked(id uint64) uint64 { return id + uint64(g)<<idBits }

// answered returns the upstream's id for one of the client's. It is not ok if
// that answers a question of another incarnation.
func (g incarnation) answered(id uint64) (upstream uint64, ok bool) {
	return id & (1<<idBits - 1), id>>idBits == uint64(g)
}
