//go:build !linux || portable

package relay

import (
	"sync"
	"time"
)

// poller tells which lines became readable or writable, with a goroutine for
// each line that waits in Go's own poller. It is slower than one of the
// system's, and runs everywhere.
type poller struct {
	slots   slots
	waiters sync.WaitGroup
	bell    chan struct{} // has room for one

	mu     sync.Mutex
	events []event // guarded by mu
	woken  bool    // guarded by mu
	spare  []event // the loop's
	watch  map[uint32]*watcher
}

type event struct {
	slot, generation uint32
	what             events
}

// watcher waits for one line.
type watcher struct {
	poller           *poller
	socket           rawSocket
	slot, generation uint32
	read, write      chan struct{} // each has room for one: wait once more
	over             sync.WaitGroup
}

func newPoller() (*poller, error) {
	return &poller{bell: make(chan struct{}, 1), watch: make(map[uint32]*watcher)}, nil
}

// add begins to report on l.
func (p *poller) add(l *line) error {
	p.reserve(l)
	p.watchOver(l)
	return nil
}

// reserve gives l its slot. Nothing is reported yet.
func (p *poller) reserve(l *line) {
	l.waiting[0], l.waiting[1] = p.slots.take(l)
}

// watchOver begins to report on l, which has its slot.
func (p *poller) watchOver(l *line) {
	w := &watcher{
		poller: p, socket: l.socket, slot: l.waiting[0], generation: l.waiting[1],
		read: make(chan struct{}, 1), write: make(chan struct{}, 1),
	}
	p.watch[w.slot] = w
	w.over.Add(2)
	p.waiters.Go(w.reading)
	p.waiters.Go(w.writing)
	w.read <- struct{}{}
}

// remove ends it. The socket must be closed next, which ends every wait.
func (p *poller) remove(l *line) {
	if w := p.watch[l.waiting[0]]; w != nil {
		delete(p.watch, w.slot)
		close(w.read)
		close(w.write)
	}
	p.slots.free(l.waiting[0])
}

// release ends it for a socket that stays open.
func (p *poller) release(l *line) error {
	w := p.watch[l.waiting[0]]
	if err := l.socket.conn.SetDeadline(time.Unix(1, 0)); err != nil {
		return err
	}
	p.remove(l)
	w.over.Wait()
	l.socket.conn.SetDeadline(time.Time{}) // as the one before it, which could be set
	return nil
}

// awaitReadable asks for an event when l may be read again.
func (p *poller) awaitReadable(l *line) { again(p.watch[l.waiting[0]].read) }

// awaitWritable asks for an event when l may be written to again.
func (p *poller) awaitWritable(l *line) { again(p.watch[l.waiting[0]].write) }

func again(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// wait calls ready for each line with an event, waiting for one no longer than
// timeout; a negative one is for ever. woken tells whether wake was called.
func (p *poller) wait(timeout time.Duration, ready func(*line, events)) (woken bool) {
	if timeout != 0 {
		p.sleep(timeout)
	}
	p.mu.Lock()
	events := p.events
	p.events, woken, p.woken = p.spare[:0], p.woken, false
	p.mu.Unlock()
	for _, e := range events {
		if l := p.slots.get(e.slot, e.generation); l != nil {
			ready(l, e.what)
		}
	}
	p.spare = events
	return woken
}

func (p *poller) sleep(timeout time.Duration) {
	if timeout < 0 {
		<-p.bell
		return
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-p.bell:
	case <-t.C:
	}
}

// wake makes a wait that is under way, or the next one, return.
func (p *poller) wake() {
	p.mu.Lock()
	p.woken = true
	p.mu.Unlock()
	again(p.bell)
}

func (p *poller) close() { p.waiters.Wait() }

func (w *watcher) report(what events) {
	p := w.poller
	p.mu.Lock()
	p.events = append(p.events, event{w.slot, w.generation, what})
	p.mu.Unlock()
	again(p.bell)
}

// reading reports once for each time it is asked. A question that crosses with
// a report leads to one report too many, which does no harm.
func (w *watcher) reading() {
	defer w.over.Done()
	for range w.read {
		if w.socket.raw.Read(isReadable) != nil {
			return // closed
		}
		w.report(canRead)
	}
}

func (w *watcher) writing() {
	defer w.over.Done()
	for range w.write {
		if w.socket.raw.Write(isWritable) != nil {
			return
		}
		w.report(0)
	}
}
