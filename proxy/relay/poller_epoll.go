//go:build linux && !portable

package relay

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller tells which lines became readable or writable, by epoll. Both
// directions are registered once, edge-triggered.
type poller struct {
	epoll  int
	wakeup int // an eventfd; written to by anybody
	slots  slots
	events [256]unix.EpollEvent
}

const wakeupSlot = ^uint32(0)

func newPoller() (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	wakeup, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	p := &poller{epoll: epoll, wakeup: wakeup}
	err = p.register(wakeup, unix.EPOLLIN|unix.EPOLLET, wakeupSlot, 0)
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// add begins to report on l.
func (p *poller) add(l *line) error {
	slot, generation := p.slots.take(l)
	l.waiting = [2]uint32{slot, generation}
	err := p.register(l.socket.fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET, slot, generation)
	if err != nil {
		p.slots.free(slot)
	}
	return err
}

// listen begins to report on the clients that wait at l, to one at least of the
// pollers that listen to the same socket. It is level-triggered.
func (p *poller) listen(l *line) error {
	slot, generation := p.slots.take(l)
	l.waiting = [2]uint32{slot, generation}
	err := p.register(l.socket.fd, unix.EPOLLIN|unix.EPOLLEXCLUSIVE, slot, generation)
	if err != nil {
		p.slots.free(slot)
	}
	return err
}

// remove ends it. The socket must be closed next, which takes it off epoll.
func (p *poller) remove(l *line) { p.slots.free(l.waiting[0]) }

// release ends it for a socket that stays open.
func (p *poller) release(l *line) error {
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, l.socket.fd, nil); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	p.remove(l)
	return nil
}

// awaitReadable and awaitWritable are for pollers that are not edge-triggered.
func (p *poller) awaitReadable(*line) {}
func (p *poller) awaitWritable(*line) {}

// wait calls ready for each line with an event, waiting for one no longer than
// timeout; a negative one is for ever. woken tells whether wake was called.
//
// A wait is first tried, for a little while, by the raw system call. The
// ordinary one lets Go's scheduler give the processor to others, which costs
// more than a message does, and keeps the runtime's monitor busy taking
// processors away; only a wait that lasts is worth that. A signal ends the raw
// one, so that a garbage collection need not wait for it.
func (p *poller) wait(timeout time.Duration, ready func(*line, events)) (woken bool) {
	n := p.rawWait(timeout)
	if n == 0 && (timeout < 0 || timeout > shortWait) {
		n, _ = unix.EpollWait(p.epoll, p.events[:], milliseconds(timeout))
	}
	for i := range p.events[:max(n, 0)] {
		e := &p.events[i]
		if uint32(e.Fd) == wakeupSlot {
			var count [8]byte
			// Resets it; there is nothing else to know.
			_, _, _ = unix.RawSyscall(unix.SYS_READ, uintptr(p.wakeup), uintptr(unsafe.Pointer(&count)), unsafe.Sizeof(count))
			woken = true
		} else if l := p.slots.get(uint32(e.Fd), uint32(e.Pad)); l != nil {
			ready(l, eventsOf(e.Events))
		} // else the socket is gone, and with it its slot's generation
	}
	return woken
}

// shortWait is how long a wait keeps the processor.
const shortWait = 2 * time.Millisecond

// rawWait waits for an event no longer than timeout and shortWait, and returns
// how many there are: 0 when the time is over, -1 after a signal.
func (p *poller) rawWait(timeout time.Duration) int {
	if timeout < 0 || timeout > shortWait {
		timeout = shortWait
	}
	n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)), uintptr(milliseconds(timeout)), 0, 0)
	if e != 0 {
		return -1
	}
	return int(n)
}

func eventsOf(mask uint32) (what events) {
	if mask&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		what |= canRead
	}
	if mask&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		what |= willEnd
	}
	return what
}

// wake makes a wait that is under way, or the next one, return.
func (p *poller) wake() {
	one := [8]byte{1}
	// It fails only where a wake-up is waiting already.
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(p.wakeup), uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one))
}

func (p *poller) close() {
	unix.Close(p.wakeup)
	unix.Close(p.epoll)
}

func (p *poller) register(fd int, what uint32, slot, generation uint32) error {
	e := unix.EpollEvent{Events: what, Fd: int32(slot), Pad: int32(generation)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &e))
}

// milliseconds rounds up, so that a timer is due when the wait is over.
func milliseconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	return int((d + time.Millisecond - 1) / time.Millisecond)
}
