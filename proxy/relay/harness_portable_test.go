//go:build !linux || portable

package relay

// portable tells which poller is tested.
const portable = true

// expectsEvent tells whether an event of l is on its way: goroutines report
// what the socket can do already.
func expectsEvent(l *line) (expected bool) {
	if l.is(closed) {
		return false
	}
	l.socket.raw.Control(func(fd uintptr) {
		expected = !l.is(readable|finished) && isReadable(fd) || l.backlogged() && !l.is(queued) && isWritable(fd)
	})
	return expected
}

// handOn is for sockets that another process can have.
func (h *harness) handOn() int { return 0 }

// handOnFan is likewise.
func (h *fanHarness) handOnFan() {}
