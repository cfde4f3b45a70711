package http1

// bodyStep follows a body to its end.
func (c *Checker) bodyStep(p []byte) (int, *Error) {
	switch c.state {
	case inBody, inChunk:
		n := int(min(uint64(len(p)), c.body))
		if c.body -= uint64(n); c.body == 0 {
			if c.state == inBody {
				*c = Checker{}
			} else {
				c.state = inChunkCR
			}
		}
		return n, nil
	case inChunkSize:
		return c.checkChunkSize(p)
	case inChunkExt:
		return c.checkChunkExt(p)
	case inChunkStart:
		return 1, c.startChunk(p[0])
	case inChunkCR:
		return 1, c.expectChunk(p[0], '\r', inChunkLF)
	default: // inChunkLF
		c.at = 0
		return 1, c.expectChunk(p[0], '\n', inChunkSize)
	}
}

func (c *Checker) expectChunk(got, want byte, next state) *Error {
	if got != want {
		return bad("chunk is malformed (RFC 9112, 7.1)")
	}
	c.state = next
	return nil
}

// checkChunkSize takes hexadecimal digits, 15 at most, so that no sum can
// overflow.
func (c *Checker) checkChunkSize(p []byte) (int, *Error) {
	for i, b := range p {
		switch {
		case class[b]&hex != 0 && c.at < 15:
			c.body = c.body<<4 | uint64(unhex(b))
			c.at++
		case b == '\r' && c.at > 0:
			c.state = inChunkStart
			return i + 1, nil
		case b == ';' && c.at > 0:
			c.state = inChunkExt
			return i + 1, nil
		default:
			return i, bad("chunk is malformed (RFC 9112, 7.1)")
		}
	}
	return len(p), nil
}

func (c *Checker) checkChunkExt(p []byte) (int, *Error) {
	for i, b := range p {
		if c.at++; c.at > maxChunkLine {
			return i, bad("chunk extension must be short (RFC 9112, 7.1.1)")
		}
		if b == '\r' {
			c.state = inChunkStart
			return i + 1, nil
		}
		if class[b]&value == 0 {
			return i, bad("chunk is malformed (RFC 9112, 7.1)")
		}
	}
	return len(p), nil
}

// startChunk takes the line feed behind a size; size zero begins the trailers.
func (c *Checker) startChunk(b byte) *Error {
	if c.body > 0 {
		return c.expectChunk(b, '\n', inChunk)
	}
	c.size, c.lines, c.wordLen, c.at = 0, 0, 0, 0
	return c.expectChunk(b, '\n', inName)
}

func unhex(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return lower(b) - 'a' + 10
}
