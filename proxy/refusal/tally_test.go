package refusal

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy/session"
)

var (
	a = Kind{"/a", "origin"}
	b = Kind{"/b", "origin"}
)

// A kind has ten lines in a second that begins with the first; what is beyond is told
// once, and others have theirs.
func TestTake(t *testing.T) {
	var tally tally
	began := time.Unix(1000, 0)
	take := func(after time.Duration, k Kind, line bool, wait time.Duration) {
		t.Helper()
		if gotLine, gotWait := tally.take(began.Add(after), k); gotLine != line || gotWait != wait {
			t.Errorf("%v after the first: got %t, %v, want %t, %v", after, gotLine, gotWait, line, wait)
		}
	}
	for i := range most {
		take(time.Duration(i)*time.Millisecond, a, true, 0)
	}
	take(300*time.Millisecond, a, false, 700*time.Millisecond)
	take(400*time.Millisecond, a, false, 0)
	take(400*time.Millisecond, b, true, 0)
	take(time.Second, a, true, 0)
	if got := tally.rest(a); got != 2 {
		t.Errorf("the rest: got %d, want 2", got)
	}
	if got := tally.rest(a); got != 0 {
		t.Errorf("the rest once more: got %d, want 0", got)
	}
	if got := tally.totals(); got[a] != most+3 || got[b] != 1 {
		t.Errorf("totals: got %v, want %d and 1", got, most+3)
	}
}

// testLog keeps what was logged.
type testLog struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tally tally
		text := new(testLog)
		log := slog.New(slog.NewTextHandler(text, nil))
		flood := func() {
			for range 1000 {
				tally.note(log, slog.LevelInfo, a, "request refused", slog.Int("status", 403))
			}
		}
		want := func(when string, lines int, rest ...string) {
			t.Helper()
			if n := strings.Count(text.String(), `msg="request refused" status=403`); n != lines {
				t.Errorf("%s: got %d lines, want %d", when, n, lines)
			}
			if n := strings.Count(text.String(), "refusals without a line"); n != len(rest) {
				t.Errorf("%s: the rest was told %d times, want %d", when, n, len(rest))
			}
			for _, r := range rest {
				if !strings.Contains(text.String(), r) {
					t.Errorf("%s: got\n%s\nwant %q in it", when, text, r)
				}
			}
		}
		flood()
		want("at first", most)
		time.Sleep(spell)
		synctest.Wait()
		want("a second later", most, `level=INFO msg="refusals without a line" route=/a reason=origin refusals=990`)
		time.Sleep(time.Hour)
		flood()
		tally.close()
		want("at the end", 2*most, "refusals=990", "refusals=990")
		time.Sleep(time.Hour)
		synctest.Wait()
		want("behind the end", 2*most, "refusals=990", "refusals=990")
		if got := tally.totals()[a]; got != 2000 {
			t.Errorf("total: got %d, want 2000", got)
		}
	})
}

// asking is a log that asks for the totals whenever it is written.
type asking struct {
	tally *tally
	lines int
}

func (a *asking) Write(p []byte) (int, error) {
	a.tally.totals()
	a.lines++
	return len(p), nil
}

// Who counts does not wait for a log that is slow to take a line.
func TestLogIsWrittenWithoutTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tally tally
		text := &asking{tally: &tally}
		log := slog.New(slog.NewTextHandler(text, nil))
		flood := func() {
			for range most + 1 {
				tally.note(log, slog.LevelInfo, a, "request refused")
			}
		}
		flood()
		time.Sleep(spell)
		synctest.Wait()
		flood()
		tally.close()
		if want := 2 * (most + 1); text.lines != want {
			t.Errorf("got %d lines, want %d", text.lines, want)
		}
	})
}

// Reloads may bring ever new routes.
func TestKindsAreBounded(t *testing.T) {
	var tally tally
	for i := range 3 * session.MaxApart {
		tally.note(nil, slog.LevelInfo, Kind{fmt.Sprint("/", i), "path"}, "")
	}
	totals := tally.totals()
	if len(totals) != session.MaxApart+1 || totals[Kind{session.Other, "path"}] != 2*session.MaxApart {
		t.Errorf("got %d kinds, %d of them others, want %d and %d", len(totals), totals[Kind{session.Other, "path"}], session.MaxApart+1, 2*session.MaxApart)
	}
}
