package encode

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"usher/proxy/config"
)

const (
	// most is how many answers are encoded at a time, each in 1.2 MiB (gzip) to
	// 2 MiB (zstd), 512 MiB in all: whoever reads slowly holds one for as long.
	most = 256
	// readSize is how much of a plain body is read at once.
	readSize = 32 << 10
	// zstdWindow is far below the 8 MiB that clients must take (RFC 9659).
	zstdWindow = 64 << 10
	// brotliWindow is a power of two.
	brotliWindow = 16
	// The levels cost about 10 µs for each KiB, and make a quarter to a third of
	// a script.
	gzipLevel, brotliLevel = 5, 4
)

// Encoders encode answers. The zero value is ready. They are shared by the
// forwarders of one server.
type Encoders struct {
	busy           atomic.Int32 // answers that are encoded now
	zstd, br, gzip sync.Pool    // of *work
}

// encoder is what all libraries have.
type encoder interface {
	io.WriteCloser
	Flush() error
	Reset(w io.Writer)
}

// work is what it takes to encode one answer.
type work struct {
	coding  config.Coding // static
	encoder encoder       // writes to out
	in      [readSize]byte
	out     bytes.Buffer
}

// begin returns plain encoded, nil if there are too many already.
func (e *Encoders) begin(coding config.Coding, plain io.ReadCloser) io.ReadCloser {
	if e.busy.Add(1) > most {
		e.busy.Add(-1)
		return nil
	}
	w, ok := e.pool(coding).Get().(*work)
	if !ok {
		w = &work{coding: coding, encoder: newEncoder(coding)}
	}
	w.encoder.Reset(&w.out)
	return &body{plain: plain, encoders: e, work: w}
}

// end gives w back, at whatever point it is.
func (e *Encoders) end(w *work) {
	w.out.Reset()
	e.pool(w.coding).Put(w)
	e.busy.Add(-1)
}

func (e *Encoders) pool(coding config.Coding) *sync.Pool {
	switch coding {
	case config.Zstd:
		return &e.zstd
	case config.Brotli:
		return &e.br
	case config.Gzip:
	}
	return &e.gzip
}

func newEncoder(coding config.Coding) encoder {
	switch coding {
	case config.Zstd:
		z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true))
		if err != nil {
			panic("encode: " + err.Error())
		}
		return z
	case config.Brotli:
		return brotli.NewWriterOptions(nil, brotli.WriterOptions{Quality: brotliLevel, LGWin: brotliWindow})
	case config.Gzip:
	}
	g, err := gzip.NewWriterLevel(nil, gzipLevel)
	if err != nil {
		panic("encode: " + err.Error())
	}
	return g
}
