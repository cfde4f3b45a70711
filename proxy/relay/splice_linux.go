//go:build linux && !portable

package relay

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"usher/proxy/socket"
)

// spliceMin is the rest of a frame from which on it is worth to move its
// payload inside the kernel.
const spliceMin = 2 * bufferSize

// pipe carries payload between two sockets.
type pipe struct {
	from, to int // descriptors: read and write end
	holds    int // bytes
}

// pipes keeps empty pipes, and counts all.
type pipes struct {
	empty []*pipe
	open  int
}

const (
	pipeSize  = 1 << 20
	keptPipes = 4
	maxPipes  = 32 // of one loop: a stalled leg may keep one full
)

var errNoPipe = errors.New("all pipes are in use")

func (ps *pipes) take() (*pipe, error) {
	if n := len(ps.empty); n > 0 {
		p := ps.empty[n-1]
		ps.empty = ps.empty[:n-1]
		return p, nil
	}
	if ps.open == maxPipes {
		return nil, errNoPipe
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	// Best effort: a user over the system's limit keeps the default size.
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, pipeSize)
	ps.open++
	return &pipe{from: fds[0], to: fds[1]}, nil
}

// give takes an empty pipe back.
func (ps *pipes) give(p *pipe) {
	if len(ps.empty) < keptPipes {
		ps.empty = append(ps.empty, p)
		return
	}
	ps.discard(p)
}

// discard closes a pipe with what it holds.
func (ps *pipes) discard(p *pipe) {
	ps.open--
	unix.Close(p.from)
	unix.Close(p.to)
}

func (ps *pipes) close() {
	for _, p := range ps.empty {
		ps.discard(p)
	}
}

// spliceable returns how many bytes that come next from l may pass unseen; 0
// if it is not worth it.
func (lp *loop) spliceable(l *leg) int64 {
	n := l.check.Opaque()
	if n < spliceMin || l.tls != nil || l.peer().tls != nil || l.is(ignored|deaf) || l.peer().is(sentClose|deaf|closed) {
		return 0
	}
	return n
}

// splice moves up to n payload bytes from l to its peer. They pass unchanged:
// a client's masked frame is a valid masked frame for the upstream.
func (lp *loop) splice(l *leg, n int64) {
	p, err := lp.pipes.take()
	if err != nil {
		lp.read(&l.line) // none left: through the buffer, then
		return
	}
	k, err := splice(l.socket.fd, p.to, int(min(n, pipeSize)))
	if err != nil {
		lp.pipes.give(p)
		if errors.Is(err, socket.ErrNothing) {
			l.unset(readable)
			return
		}
		lp.finishReading(&l.line, err)
		return
	}
	l.heard, l.pair.passed = lp.now, lp.now
	l.check.Skip(int64(k))
	p.holds = k
	l.peer().backlog = &backlog{pipe: p, since: lp.now}
	l.peer().moved = lp.now
	lp.flush(&l.peer().line)
	if l.peer().backlogged() {
		lp.awaitBacklog(&l.peer().line)
	}
	if l.peer().is(dueClose) && l.check.Boundary() {
		lp.sendClose(l.peer())
	}
	lp.account(l, k, 0)
}

// flushPipe writes what l's pipe holds: socket.ErrNothing if l does not take it all.
func (lp *loop) flushPipe(l *line) error {
	b := l.backlog
	for p := b.pipe; p != nil; {
		n, err := splice(p.from, l.socket.fd, p.holds)
		if err != nil {
			return err
		}
		l.moved = lp.now
		if p.holds -= n; p.holds == 0 {
			b.pipe = nil
			lp.pipes.give(p)
			return nil
		}
	}
	return nil
}

// emptyPipe reads what l's pipe holds in front of what else waits.
func (lp *loop) emptyPipe(l *line) error {
	b := l.backlog
	if b == nil || b.pipe == nil {
		return nil
	}
	all := make([]byte, b.pipe.holds, b.pipe.holds+len(b.bytes)-b.sent)
	for n := 0; n < len(all); {
		k, err := unix.Read(b.pipe.from, all[n:])
		if err != nil {
			return os.NewSyscallError("read", err) // of what the pipe has: never
		}
		n += k
	}
	lp.pipes.give(b.pipe)
	all = append(all, b.bytes[b.sent:]...)
	lp.outputs.give(b.bytes)
	b.pipe, b.bytes, b.sent = nil, all, 0
	return nil
}

// splice moves up to n bytes: io.EOF at the end, socket.ErrNothing if it would block.
func splice(from, to, n int) (int, error) {
	for {
		k, _, e := unix.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n), unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		switch {
		case e == unix.EINTR:
		case e == unix.EAGAIN:
			return 0, socket.ErrNothing
		case e != 0:
			return 0, os.NewSyscallError("splice", e)
		case k == 0:
			return 0, io.EOF
		default:
			return int(k), nil
		}
	}
}
