package http1

// checkMethod takes the method and the space behind it.
func (c *Checker) checkMethod(p []byte) (int, error) {
	for i, b := range p {
		if class[b]&token == 0 {
			if b != ' ' || c.at == 0 {
				return i, bad("request must begin with a method (RFC 9112, 3)")
			}
			c.state, c.at, c.path = inTarget, 0, true
			return i + 1, nil
		}
		c.method = c.method<<8 | uint64(b)
		c.at++
	}
	return len(p), nil
}

// options is what method holds of OPTIONS. A longer one that ends alike has
// another byte above.
const options = 'O'<<48 | 'P'<<40 | 'T'<<32 | 'I'<<24 | 'O'<<16 | 'N'<<8 | 'S'

// checkTarget takes the target and the space behind it. The target is a path:
// one with a host in it would compete with the Host header.
func (c *Checker) checkTarget(p []byte) (int, error) {
	for i, b := range p {
		switch {
		case b == ' ' && c.at > 0 && c.word[0] == 0 && (c.first == '/' || c.at == 1):
			c.state, c.at = inVersion, 0
			return i + 1, nil
		case c.at == 0 && b != '/' && (b != '*' || c.method != options):
			return i, bad("request target must begin with a slash (RFC 9112, 3.2.1)")
		case class[b]&target == 0:
			return i, bad("request target has a character that must be escaped (RFC 3986, 2)")
		case c.first == '*':
			return i, bad("request target must be a path or * (RFC 9112, 3.2)")
		}
		if c.at == 0 {
			c.first = b
		}
		if c.path && !c.checkEscape(b) {
			return i, bad("request target has a malformed escape (RFC 3986, 2.1)")
		}
		c.at++
	}
	return len(p), nil
}

// checkEscape follows the escapes of the path: word[0] counts the hexadecimal
// digits that must still come.
func (c *Checker) checkEscape(b byte) bool {
	switch {
	case c.word[0] > 0:
		c.word[0]--
		return class[b]&hex != 0
	case b == '%':
		c.word[0] = 2
	case b == '?':
		c.path = false
	}
	return true
}

const version = "HTTP/1.1\r\n"

// checkVersion takes the rest of the first line.
func (c *Checker) checkVersion(p []byte) (int, error) {
	for i, b := range p {
		switch {
		case b == version[c.at]:
		case c.at == 7 && b == '0':
			c.v10 = true
		case c.at >= 8:
			return i, c.expect(b, version[c.at], inVersion)
		default:
			return i, bad("version must be HTTP/1.1 (RFC 9112, 2.3)")
		}
		if c.at++; int(c.at) == len(version) {
			c.state, c.at, c.wordLen = inName, 0, 0
			return i + 1, nil
		}
	}
	return len(p), nil
}

// checkName takes a header's name and the colon, or the first byte of the empty
// line.
func (c *Checker) checkName(p []byte) (int, error) {
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

func (c *Checker) endName(b byte) error {
	switch {
	case c.wordLen == 0 && b == '\r':
		c.state = inHeadEnd
		return nil
	case c.wordLen == 0 && (b == ' ' || b == '\t'):
		return bad("a header must not be folded (RFC 9112, 5.2)")
	case b == '\n' && c.wordLen == 0:
		return bad("lines must end with CR LF (RFC 9112, 2.2)")
	case b != ':' || c.wordLen == 0:
		return bad("a header must have a name and a colon (RFC 9112, 5.1)")
	}
	if c.lines++; c.lines > MaxLines {
		return tooLarge("request must have at most 100 header lines")
	}
	c.field = c.fieldOf()
	c.state, c.wordLen = inSpace, 0
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

// meet notes a header that has a say in framing.
func (c *Checker) meet() error {
	bits := [...]seen{other: 0, host: seenHost, length: seenLength, encoding: seenChunked}
	bit := bits[c.field]
	switch {
	case c.field == other:
	case c.seen&inTrailer != 0:
		return bad("trailers must not have a header of framing or routing (RFC 9110, 6.5.1)")
	case c.seen&bit != 0:
		return bad("Host, Content-Length and Transfer-Encoding must stand once (RFC 9112, 3.2 and 6.3)")
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
func (c *Checker) checkValue(p []byte) (int, error) {
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
		return i, bad("lines must end with CR LF (RFC 9112, 2.2)")
	case p[i] != '\r':
		return i, bad("a header must not have control characters (RFC 9110, 5.5)")
	}
	c.state = inLineEnd
	return i + 1, c.endValue()
}

// ValidHost reports whether s has no byte that a host with an optional port
// cannot have (RFC 9110, 7.2). It is for hosts that did not come by HTTP/1.
func ValidHost(s string) bool {
	for i := range len(s) {
		if class[s[i]]&hostByte == 0 {
			return false
		}
	}
	return true
}

// note follows a value that matters. Space may stand behind it, not within.
func (c *Checker) note(b byte) error {
	switch {
	case b == ' ' || b == '\t':
		c.at = 1 // a space was seen
		return nil
	case c.at == 1:
		return bad("Host, Content-Length and Transfer-Encoding must have one value")
	case c.field == host && class[b]&hostByte == 0:
		return bad("Host must be a name or address with an optional port (RFC 9110, 7.2)")
	}
	if int(c.wordLen) < len(c.word) {
		c.word[c.wordLen] = lower(b)
	}
	c.wordLen++
	return nil
}

func (c *Checker) endValue() error {
	word := c.word[:min(int(c.wordLen), len(c.word))]
	c.at = 0
	if c.field == encoding && string(word) != "chunked" {
		return bad("Transfer-Encoding must be chunked (RFC 9112, 6.1)")
	}
	if c.field != length {
		return nil
	}
	for _, b := range word {
		if b < '0' || b > '9' {
			return bad("Content-Length must be a number (RFC 9112, 6.3)")
		}
		c.body = 10*c.body + uint64(b-'0')
	}
	// Nineteen digits do not overflow the sum.
	if c.wordLen == 0 || int(c.wordLen) >= len(c.word) || c.body > maxBody {
		return bad("Content-Length must be a number (RFC 9112, 6.3)")
	}
	return nil
}
