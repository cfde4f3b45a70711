package encode

import (
	"errors"
	"io"
)

// errClosed is for who reads a body that is closed.
var errClosed = errors.New("body is closed")

// body is one that is encoded as it is read, by one goroutine.
type body struct {
	plain    io.ReadCloser // static
	encoders *Encoders     // static

	work *work // nil when it is given back
	err  error // of plain, behind what work has encoded; nil before
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.work == nil {
		return 0, errClosed
	}
	for b.work.out.Len() == 0 {
		if b.err != nil {
			return 0, b.err
		}
		b.err = b.work.encode(b.plain)
	}
	return b.work.out.Read(p)
}

// Close implements io.Closer.
func (b *body) Close() error {
	if b.work != nil {
		b.encoders.end(b.work)
		b.work = nil
	}
	return b.plain.Close()
}

// encode takes what has come of plain, and the end if that has. An answer that
// breaks off has none: its client sees that something is missing.
func (w *work) encode(plain io.Reader) error {
	n, err := plain.Read(w.in[:])
	_, failed := w.encoder.Write(w.in[:n])
	switch {
	case failed != nil:
	case errors.Is(err, io.EOF):
		failed = w.encoder.Close()
	case n > 0: // more may be long in coming
		failed = w.encoder.Flush()
	}
	if failed != nil {
		return failed
	}
	return err
}
