package refusal

import (
	"context"
	"log/slog"
	"time"
)

// line is how something is told of a kind.
type line struct {
	log   *slog.Logger
	level slog.Level
}

// note counts a refusal and has it leave a line of message and attrs, if its
// kind has not had too many. log may be nil.
func (t *tally) note(log *slog.Logger, level slog.Level, k Kind, message string, attrs ...slog.Attr) {
	if log == nil {
		t.count(k)
		return
	}
	own, wait := t.take(time.Now(), k)
	if own {
		log.LogAttrs(context.Background(), level, message, attrs...)
	}
	if wait > 0 {
		t.later(k, line{log, level}, wait)
	}
}

// later has the rest of a kind told in that time.
func (t *tally) later(k Kind, l line, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.due == nil {
		t.due = make(map[Kind]line)
	}
	t.due[k] = l
	time.AfterFunc(wait, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.tell(k)
	})
}

// close tells of all the rest at once. Nothing is told behind it, unless
// something is noted.
func (t *tally) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k := range t.due {
		t.tell(k)
	}
}

// tell tells of the rest of a kind, if that is due. The caller holds mu.
func (t *tally) tell(k Kind) {
	l, due := t.due[k]
	if !due {
		return
	}
	delete(t.due, k)
	l.log.LogAttrs(context.Background(), l.level, "refusals without a line",
		slog.String("route", k.Route), slog.String("reason", k.Reason), slog.Uint64("refusals", t.rest(k)))
}
