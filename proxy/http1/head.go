package http1

// checkName takes a header's name and the colon, or the first byte of the empty
// line.
func (c *Checker) checkName(p []byte) (int, *Error) {
	for i, b := range p {
		if class[b]&token == 0 {
			return i + 1, c.endName(b)
		}
		if int(c.wordLen) < len(c.word) {
			c.word[c.wordLen] = lower(b)
		}
		c.wordLen++
	}
	return len(p), nil
}

func (c *Checker) endName(b byte) *Error {
	switch {
	case c.wordLen == 0 && b == '\r':
		c.state = inHeadEnd
		return nil
	case c.wordLen == 0 && (b == ' ' || b == '\t'):
		return bad("a header must not be folded (RFC 9112, 5.2)")
	case b == '\n' && c.wordLen == 0:
		return errLineEnd
	case b != ':' || c.wordLen == 0:
		return bad("a header must have a name and a colon (RFC 9112, 5.1)")
	}
	if c.lines++; c.lines > MaxLines {
		return &Error{Status: 431, Rule: "request must have at most 100 header lines (RFC 6585, 5)"}
	}
	c.field = c.fieldOf()
	c.state, c.wordLen, c.host = inSpace, 0, hostPart{}
	return c.meet()
}

func (c *Checker) fieldOf() field {
	if int(c.wordLen) > len(c.word) {
		return other
	}
	switch string(c.word[:c.wordLen]) {
	case "host":
		return host
	case "content-length":
		return length
	case "transfer-encoding":
		return encoding
	}
	return other
}

// rule is what the value of f must be.
func (f field) rule() string {
	return [...]string{
		host:     "Host must stand once, as a name or address with an optional port (RFC 9112, 3.2)",
		length:   "Content-Length must stand once, as a number (RFC 9110, 8.6)",
		encoding: "Transfer-Encoding must stand once, as chunked (RFC 9112, 6.1)",
	}[f]
}

// meet notes a header that has a say in framing.
func (c *Checker) meet() *Error {
	bits := [...]seen{other: 0, host: seenHost, length: seenLength, encoding: seenChunked}
	bit := bits[c.field]
	switch {
	case c.field == other:
	case c.seen&inTrailer != 0:
		return bad("trailers must not have a header of framing or routing (RFC 9110, 6.5.1)")
	case c.seen&bit != 0:
		return bad(c.field.rule())
	}
	c.seen |= bit
	return nil
}

// skipSpace takes the white space before a value.
func (c *Checker) skipSpace(p []byte) int {
	for i, b := range p {
		if b != ' ' && b != '\t' {
			c.state = inValue
			return i
		}
	}
	return len(p)
}

// checkValue takes a value and the CR behind it.
func (c *Checker) checkValue(p []byte) (int, *Error) {
	i := 0
	if c.field == other {
		for i < len(p) && class[p[i]]&value != 0 {
			i++
		}
	} else {
		for i < len(p) && class[p[i]]&value != 0 {
			if err := c.note(p[i]); err != nil {
				return i, err
			}
			i++
		}
	}
	switch {
	case i == len(p):
		return i, nil
	case p[i] == '\n':
		return i, errLineEnd
	case p[i] != '\r':
		return i, bad("a header must not have control characters (RFC 9110, 5.5)")
	}
	c.state = inLineEnd
	return i + 1, c.endValue()
}

// note follows a value that matters. Space may stand behind it, not within.
func (c *Checker) note(b byte) *Error {
	switch {
	case b == ' ' || b == '\t':
		c.at = 1 // a space was seen
		return nil
	case c.at == 1 || c.field == host && !c.host.take(b, &c.word):
		return bad(c.field.rule())
	case c.field == host:
		return nil
	}
	if int(c.wordLen) < len(c.word) {
		c.word[c.wordLen] = lower(b)
	}
	c.wordLen++
	return nil
}

func (c *Checker) endValue() *Error {
	word := c.word[:min(int(c.wordLen), len(c.word))]
	c.at = 0
	switch {
	case c.field == encoding && string(word) != "chunked", c.field == host && !c.host.whole():
		return bad(c.field.rule())
	case c.field != length:
		return nil
	}
	for _, b := range word {
		if b < '0' || b > '9' {
			return bad(c.field.rule())
		}
		c.body = 10*c.body + uint64(b-'0')
	}
	// Nineteen digits do not overflow the sum.
	if c.wordLen == 0 || c.wordLen > 19 || c.body > maxBody {
		return bad(c.field.rule())
	}
	return nil
}
