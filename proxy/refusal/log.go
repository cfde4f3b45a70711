package refusal

import (
	"context"
	"log/slog"
	"maps"
	"slices"
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
		log.LogAttrs(context.Background(), level, message, attrs...) //nolint:sloglint // one of two constants, see Error.message
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
	time.AfterFunc(wait, func() { t.tell(k) })
}

// close tells of all the rest at once. Nothing is told behind it, unless
// something is noted, or was being told just then.
func (t *tally) close() {
	t.mu.Lock()
	due := slices.Collect(maps.Keys(t.due))
	t.mu.Unlock()
	for _, k := range due {
		t.tell(k)
	}
}

// tell tells of the rest of a kind, if that is due.
func (t *tally) tell(k Kind) {
	if l, left, due := t.claim(k); due {
		l.log.LogAttrs(context.Background(), l.level, "refusals without a line",
			slog.String("route", k.Route), slog.String("reason", k.Reason), slog.Uint64("refusals", left))
	}
}

// claim takes the rest of a kind to be told by the caller, if that is due.
func (t *tally) claim(k Kind) (l line, left uint64, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l, due = t.due[k]; due {
		delete(t.due, k)
		left = t.rest(k)
	}
	return l, left, due
}
