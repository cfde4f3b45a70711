package relay

import (
	"compress/flate"
	"errors"
	"io"
	"math"

	"usher/proxy/ws"
)

// flater is what a loop needs for permessage-deflate (RFC 7692). No context is
// taken over from one message to the next, so that one flater serves all
// sessions, and an idle one costs nothing.
type flater struct {
	writer *flate.Writer // nil before its first use, as it is large
	reader io.ReadCloser // likewise
	sink   sink
	source source
	spent  int // bytes that were inflated in this turn of a strand's
}

// flushed is what a compressed message ends with before its last bytes are
// taken off (RFC 7692, 7.2.1), and final an empty last block, for a reader that
// wants an end.
const (
	flushed = "\x00\x00\xff\xff"
	final   = "\x01\x00\x00\xff\xff"
)

// deflate appends p, compressed.
func (f *flater) deflate(dst, p []byte) []byte {
	f.sink.bytes = dst
	if f.writer == nil {
		f.writer, _ = flate.NewWriter(&f.sink, flate.BestSpeed) // the level is a legal one
	} else {
		f.writer.Reset(&f.sink)
	}
	f.writer.Write(p) //nolint:errcheck // to memory
	f.writer.Flush()  //nolint:errcheck // likewise
	out := f.sink.bytes
	f.sink.bytes = nil
	return out[:len(out)-len(flushed)]
}

// inflate appends what p is compressed of, which may be most bytes long. The
// error is a *ws.ProtocolError.
func (f *flater) inflate(dst, p []byte, most int64) ([]byte, error) {
	f.source = source{p, []byte(flushed + final)}
	defer func() { f.source = source{} }()
	if f.reader == nil {
		f.reader = flate.NewReader(&f.source)
	} else if err := f.reader.(flate.Resetter).Reset(&f.source, nil); err != nil {
		return dst, err // cannot be
	}
	begin := len(dst)
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := f.reader.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		f.spent += n
		switch {
		case int64(len(dst)-begin) > most:
			return dst, &ws.ProtocolError{Code: ws.CodeTooBig, Rule: "message is longer than its limit when it is inflated"}
		case errors.Is(err, io.EOF) && !f.source.over():
			return dst, &ws.ProtocolError{Code: ws.CodeBadPayload, Rule: "compressed message goes on behind its final block (RFC 7692, 7.2.3.4)"}
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst, &ws.ProtocolError{Code: ws.CodeBadPayload, Rule: "compressed message is malformed (RFC 7692, 7.2.2)"}
		}
	}
}

// limit is what MaxMessage means for flater.inflate.
func (o *Options) limit() int64 {
	if o.MaxMessage > 0 {
		return o.MaxMessage
	}
	return math.MaxInt64
}

// sink is a slice as a writer.
type sink struct{ bytes []byte }

func (s *sink) Write(p []byte) (int, error) {
	s.bytes = append(s.bytes, p...)
	return len(p), nil
}

// source is a compressed message and what stands behind it. It is read byte by
// byte, so that nothing is read ahead.
type source struct{ message, behind []byte }

// over tells whether the message has been read. If it had a final block of its
// own, an empty block follows that (RFC 7692, 7.2.3.4), whose beginning is the
// message's last byte.
func (s *source) over() bool {
	return len(s.message) == 0 || len(s.message) == 1 && s.message[0] == 0 && len(s.behind) == len(flushed)+len(final)
}

func (s *source) ReadByte() (byte, error) {
	from := &s.message
	if len(*from) == 0 {
		from = &s.behind
	}
	if len(*from) == 0 {
		return 0, io.EOF
	}
	b := (*from)[0]
	*from = (*from)[1:]
	return b, nil
}

func (s *source) Read(p []byte) (int, error) {
	from := &s.message
	if len(*from) == 0 {
		from = &s.behind
	}
	if len(*from) == 0 {
		return 0, io.EOF
	}
	n := copy(p, *from)
	*from = (*from)[n:]
	return n, nil
}
