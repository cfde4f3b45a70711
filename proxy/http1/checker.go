// Package http1 checks the bytes of an HTTP/1.1 request stream before anybody
// parses them.
//
// net/http forgives what two readers may understand in two ways: bare line
// feeds, folded lines, a length beside chunks, repeated lengths, hosts of any
// bytes. Behind a proxy each of these can hide a request from one of
// them (request smuggling). A Checker admits the one form of RFC 9112 that has
// one meaning, on every request of a connection, and follows the bodies to find
// the next request. Split tells where the parts of a head stand that it has
// found whole.
//
// The package is pure: bytes in, a count or an error out. A Checker holds no
// bytes and allocates nothing, whatever the stream is split into.
package http1

import "math"

// Bounds on the head of a request, and on the trailers of its body.
const (
	// MaxHead is in bytes: what nginx takes by default, and twice as much as
	// Node, so that cookies which the upstreams could not take end here.
	MaxHead  = 32 << 10
	MaxLines = 100 // header lines
)

// maxChunkLine bounds a chunk's size and its extensions, which nobody uses.
const maxChunkLine = 256

// Error says which rule the stream breaks.
type Error struct {
	Status int    // 400, or a closer one
	Rule   string // for the client
}

func (e *Error) Error() string { return e.Rule }

func bad(rule string) *Error { return &Error{Status: 400, Rule: rule} }

var errLineEnd = bad("lines must end with CR LF (RFC 9112, 2.2)")

// Checker checks one connection. The zero value stands before the first
// request. It is small, and holds no pointers but that of its error.
type Checker struct {
	state state
	seen  seen // what the current head has said
	err   *Error

	body  uint64 // bytes of the body or chunk still to come
	size  int32  // bytes of the current head or trailers
	lines int32  // header lines of it
	at    int32  // progress within the current element

	wordLen int32            // may exceed what word holds
	word    [maxAddress]byte // what the current element has said, in lower case where case says nothing
	field   field
	host    hostPart
	escape  uint8 // hexadecimal digits that must still come
	major   byte  // of the version

	// of the first line
	method   method
	skipped  bool // an empty line stood before it
	asterisk bool // is the target
	path     bool // in the target, before its query
	v10      bool // HTTP/1.0
}

// state is where in a request the next byte stands.
type state uint8

const (
	inMethod     state = iota
	inEmptyLine        // before a method
	inForm             // at the first byte of the target
	inAsterisk         // behind it
	inScheme           //
	inAuthority        //
	inTarget           // in its path or query
	inVersion          //
	inName             // of a header or trailer; its first byte may begin the empty line
	inSpace            // before a value
	inValue            //
	inLineEnd          // a line feed must come
	inHeadEnd          // the line feed of the empty line must come
	inBody             // counted
	inChunkSize        //
	inChunkExt         //
	inChunkStart       // the line feed behind a chunk's size must come
	inChunk            //
	inChunkCR          // behind a chunk's data
	inChunkLF          //
	broken             // nothing passes any more
)

// seen is a set of what a head has had.
type seen uint8

const (
	seenHost seen = 1 << iota
	seenLength
	seenChunked
	inTrailer // the lines stand behind the last chunk
)

// field is a header that has a say in how the stream goes on.
type field uint8

const (
	other field = iota
	host
	length
	encoding
)

// Check looks at p, which goes on where the last call stopped. p[:n] may be
// passed on. If n < len(p) and err is nil, p[:n] ends a request: call again with
// the rest when the next one may be read.
//
// After an error, which is an *Error, nothing behind p[:n] may be passed on, and
// the connection must end.
//
// An upgrade ends like every other request. Whoever takes the connection over
// takes what stands behind it, unchecked, and asks no more.
func (c *Checker) Check(p []byte) (n int, err error) {
	for n < len(p) {
		k, err := c.advance(p[n:])
		if n += k; err != nil {
			return n, err
		}
		if c.state == inMethod && c.size == 0 {
			return n, nil
		}
	}
	return n, nil
}

// CheckHead is Check for whoever wants the head of a request first: it stops
// behind the empty line, whatever body follows, and tells that the head is whole.
// Check takes the body, if there is one: see InBody.
func (c *Checker) CheckHead(p []byte) (n int, whole bool, err error) {
	for n < len(p) {
		last := c.state == inHeadEnd && c.seen&inTrailer == 0
		k, err := c.advance(p[n:])
		if n += k; err != nil {
			return n, false, err
		}
		if last {
			return n, true, nil
		}
	}
	return n, false, nil
}

// InBody reports whether the next byte is of a body, or of the chunks and
// trailers around it.
func (c *Checker) InBody() bool { return c.state == inBody || c.seen&inTrailer != 0 }

// Started reports whether any byte of the next request has come. The empty line
// before it, which Skip takes, is none.
func (c *Checker) Started() bool {
	return c.state != inMethod && c.state != inEmptyLine || c.size > 0
}

// advance is a step, unless the stream is broken.
func (c *Checker) advance(p []byte) (int, error) {
	if c.state == broken {
		return 0, c.err
	}
	n, err := c.step(p)
	if err != nil {
		c.state, c.err = broken, err
		return n, err
	}
	return n, nil
}

// step consumes at least one byte of p, or returns an error.
func (c *Checker) step(p []byte) (int, *Error) {
	if c.state < inBody {
		return c.headStep(p)
	}
	return c.bodyStep(p)
}

// headStep keeps to MaxHead.
func (c *Checker) headStep(p []byte) (n int, err *Error) {
	if c.size >= MaxHead {
		return 0, c.tooLarge()
	}
	p = p[:min(len(p), MaxHead-int(c.size))]
	switch c.state {
	case inMethod:
		n, err = c.checkMethod(p)
	case inEmptyLine:
		return 0, errLineEnd
	case inForm:
		n, err = 1, c.checkForm(p[0])
	case inAsterisk:
		n, err = 1, c.checkAsterisk(p[0])
	case inScheme:
		n, err = c.checkScheme(p)
	case inAuthority:
		n, err = c.checkAuthority(p)
	case inTarget:
		n, err = c.checkTarget(p)
	case inVersion:
		n, err = c.checkVersion(p)
	case inName:
		n, err = c.checkName(p)
	case inSpace:
		n = c.skipSpace(p)
	case inValue:
		n, err = c.checkValue(p)
	case inLineEnd:
		n, err = 1, c.expect(p[0], '\n', inName)
		c.wordLen = 0
	default: // inHeadEnd
		c.size++
		if err = c.expect(p[0], '\n', inMethod); err == nil {
			err = c.endHead()
		}
		return 1, err
	}
	c.size += int32(n)
	return n, err
}

// tooLarge is the error of a head that is, by what is too large in it.
func (c *Checker) tooLarge() *Error {
	if c.state == inTarget {
		return &Error{Status: 414, Rule: "request target must be shorter than 32 KiB (RFC 9112, 3)"}
	}
	return &Error{Status: 431, Rule: "request head must be at most 32 KiB (RFC 6585, 5)"}
}

// expect wants one byte and goes on to a state.
func (c *Checker) expect(got, want byte, next state) *Error {
	if got != want {
		return errLineEnd
	}
	c.state = next
	return nil
}

// endHead decides how the stream goes on behind a head, or behind the trailers.
func (c *Checker) endHead() *Error {
	s := c.seen
	if s&inTrailer != 0 {
		*c = Checker{}
		return nil
	}
	body := c.body
	switch {
	case s&seenHost == 0 && !c.v10:
		return bad("Host must stand once (RFC 9112, 3.2)")
	case s&seenChunked != 0 && s&seenLength != 0:
		return bad("Content-Length must not stand beside Transfer-Encoding (RFC 9112, 6.2)")
	case s&seenChunked != 0 && c.v10:
		return bad("HTTP/1.0 has no Transfer-Encoding (RFC 9112, 6.1)")
	case s&seenChunked != 0:
		*c = Checker{state: inChunkSize, seen: inTrailer}
	case body > 0:
		*c = Checker{state: inBody, body: body}
	default:
		*c = Checker{}
	}
	return nil
}

// maxBody is the largest body that can be told: what net/http can count.
const maxBody = math.MaxInt64
