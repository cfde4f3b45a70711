package accesslog

import (
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	// queued is how many lines may wait.
	queued = 4096
	// delay is how long a line may wait for others: waking the writer for each
	// costs more than it does.
	delay = 20 * time.Millisecond
	// batch is how many bytes are written at once, about.
	batch = 64 << 10
	// spell is the time in which a slow log is told of once.
	spell = 10 * time.Second
	// patience is what the log gets at the end.
	patience = time.Second
)

// Log writes lines to a Sink, or nowhere; nil has none. Its methods but Close may be called
// from any goroutine.
type Log struct {
	// static after construction
	log     *slog.Logger // told of what is lost
	queue   chan *Line
	changed chan struct{} // holds one: there is another sink
	closing chan struct{}
	closed  chan struct{}

	sink    atomic.Pointer[Sink] // nil for none
	dropped atomic.Uint64        // did not fit, or could not be written
	told    uint64               // of these; owned by the writer, as is what follows
	last    time.Time            // when it was told
}

// New returns a log that writes nowhere. The caller calls Close.
func New(log *slog.Logger) *Log {
	l := &Log{log: log, queue: make(chan *Line, queued), changed: make(chan struct{}, 1), closing: make(chan struct{}), closed: make(chan struct{})}
	go l.write()
	return l
}

// Use has lines be written to s from now on, nil for nowhere. The log owns s.
func (l *Log) Use(s *Sink) {
	l.sink.Store(s)
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Close returns when everything is written, or when that takes too long.
func (l *Log) Close() {
	close(l.closing)
	select {
	case <-l.closed:
	case <-time.After(patience):
	}
}

// Dropped returns how many lines are lost.
func (l *Log) Dropped() uint64 { return l.dropped.Load() }

func (l *Log) wants() bool {
	if l == nil {
		return false
	}
	s := l.sink.Load()
	return s != nil && (s.sample >= 1 || rand.Float64() < s.sample)
}

func (l *Log) take(line *Line) {
	select {
	case l.queue <- line:
	default:
		l.dropped.Add(1)
	}
}

// write is the writer. It closes a sink that is not used any more.
func (l *Log) write() {
	defer close(l.closed)
	var to *Sink
	for {
		if now := l.sink.Load(); now != to {
			to.Close()
			to = now
		}
		select {
		case line := <-l.queue:
			if len(l.queue) < queued/2 {
				time.Sleep(delay)
			}
			l.flush(to, line)
		case <-l.changed:
		case <-l.closing:
			for len(l.queue) > 0 {
				l.flush(to, <-l.queue)
			}
			l.tell(true)
			to.Close()
			return
		}
	}
}

// flush writes line and what waits behind it, as far as that is one batch.
func (l *Log) flush(to *Sink, line *Line) {
	n := uint64(1)
	if to == nil { // it was turned off since
		return
	}
	b := to.append(to.buffer[:0], line)
	for len(b) < batch && len(l.queue) > 0 {
		b = to.append(b, <-l.queue)
		n++
	}
	if _, err := to.file.Write(b); err != nil {
		l.dropped.Add(n)
	}
	to.buffer = b
	l.tell(false)
}

// tell tells of what is lost.
func (l *Log) tell(last bool) {
	n, now := l.dropped.Load(), time.Now()
	if n == l.told || !last && now.Sub(l.last) < spell {
		return
	}
	l.log.Warn("access lines dropped: the access log is too slow, or cannot be written", "lines", n-l.told)
	l.told, l.last = n, now
}
