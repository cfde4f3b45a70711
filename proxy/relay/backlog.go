package relay

import "time"

// backlog is what a leg has not taken yet.
type backlog struct {
	pipe  *pipe         // payload on its way by splice, before bytes; nil if none
	bytes []byte        // on a TLS leg, ciphertext
	sent  int           // of bytes, already written
	since time.Duration // when the first of it was not taken
}

// freelist keeps buffers for backlogs.
type freelist struct {
	large [][]byte
}

const (
	smallOutput = 4 << 10 // up to here a buffer is made to measure
	keptOutputs = 32

	maxKeptOutput = 4 * bufferSize
)

// append adds p to b.
func (f *freelist) append(b *backlog, p []byte) {
	if b.bytes == nil {
		b.bytes = f.take(len(p))
	}
	b.bytes = append(b.bytes, p...)
}

// take returns an empty buffer for n bytes.
func (f *freelist) take(n int) []byte {
	if n <= smallOutput {
		return make([]byte, 0, n)
	}
	if k := len(f.large); k > 0 && n <= cap(f.large[k-1]) {
		b := f.large[k-1]
		f.large = f.large[:k-1]
		return b
	}
	return make([]byte, 0, max(n, bufferSize))
}

// give takes a buffer back.
func (f *freelist) give(b []byte) {
	if cap(b) >= bufferSize && cap(b) <= maxKeptOutput && len(f.large) < keptOutputs {
		f.large = append(f.large, b[:0])
	}
}
