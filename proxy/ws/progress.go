package ws

// Boundary tells whether what was passed on ends between two frames: here a
// control frame may be inserted.
func (c *Checker) Boundary() bool { return c.left == 0 }

// Open tells whether what was passed on ends inside a message.
func (c *Checker) Open() bool { return c.flags&flagOpen != 0 }

// Messages returns how many messages were completed so far, modulo 2^32:
// callers add up differences.
func (c *Checker) Messages() uint32 { return c.messages }

// Opaque returns how many payload bytes of the current frame are still to come
// if none of them needs a look: binary or compressed ones. Otherwise it is 0.
func (c *Checker) Opaque() int64 {
	if c.flags&flagPlain != 0 {
		return 0
	}
	return c.left
}

// Skip counts n bytes, at most Opaque(), that went to the peer another way.
func (c *Checker) Skip(n int64) {
	if n < 0 || n > c.Opaque() {
		panic("ws: Skip over bytes that need a look")
	}
	if n == 0 {
		return
	}
	c.left -= n
	if c.left == 0 {
		c.endFrame()
	}
}

// Remaining returns how many payload bytes of the current data frame are still
// to come: given no more than them, Next stops between two frames.
func (c *Checker) Remaining() int64 { return c.left }
