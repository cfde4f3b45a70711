package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy/config"
	"usher/proxy/session"
)

// roundTrip is a service.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// bench is Rechecks whose rules and service a test sets. The clock is synctest's.
type bench struct {
	*Rechecks
	*session.Registry
	mu       sync.Mutex
	gate     *Gate         // guarded by mu
	status   int           // of answers, 0 for none; guarded by mu
	expires  string        // guarded by mu
	hold     chan struct{} // closed when answers are given; nil for at once
	heads    []http.Header // that were asked about; guarded by mu
	verdicts chan Verdict
	under    atomic.Int64 // questions
}

func newBench(t *testing.T, every time.Duration) *bench {
	b := &bench{status: 204, verdicts: make(chan Verdict, 1000)}
	k := NewKeeper(nil)
	b.rule(k, every)
	b.Rechecks = NewRechecks(k, func(string) (*Gate, string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.gate, "route"
	})
	b.Registry = session.NewRegistry(func(x *session.Session, _ session.End) { b.Forget(x) })
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); k.Close() })
	go func() {
		for {
			v, err := b.Next(ctx)
			if err != nil {
				return
			}
			b.verdicts <- v
		}
	}()
	return b
}

// rule has a service asked again every so often, or nobody.
func (b *bench) rule(k *Keeper, every time.Duration) {
	a := &config.ForwardAuth{URL: "http://auth.test/", Timeout: time.Hour, Recheck: every, Expiry: config.Expiry{Code: 3000}}
	s := newService(a, &http.Client{Transport: roundTrip(b.serve)}, new(config.Config), slog.New(slog.DiscardHandler))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gate = &Gate{kind: "forward", way: s, keep: k}
}

func (b *bench) say(status int, expires string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status, b.expires = status, expires
}

func (b *bench) serve(r *http.Request) (*http.Response, error) {
	b.under.Add(1)
	defer b.under.Add(-1)
	b.mu.Lock()
	b.heads = append(b.heads, r.Header)
	hold := b.hold
	b.mu.Unlock()
	if hold != nil {
		<-hold
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.status == 0 {
		return nil, errors.New("gone")
	}
	resp := &http.Response{StatusCode: b.status, Header: http.Header{}, Body: http.NoBody}
	if b.expires != "" {
		resp.Header.Set("X-Auth-Expires", b.expires)
	}
	return resp, nil
}

// asked returns what the service was told since this was called last.
func (b *bench) asked() (list []http.Header) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list, b.heads = b.heads, nil
	return list
}

func (b *bench) open(user string) *session.Session {
	x := b.Open(session.Info{Claim: "c"})
	b.Add(x, ParseQuestion(textOf(http.Header{"Cookie": {"session=" + user, "b=: 2"}, "X-Forwarded-Uri": {"/?" + user}})))
	return x
}

// pass has time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// What a service says at each turn is what becomes of a session; silence changes
// nothing.
func TestRechecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, time.Minute)
		x := b.open("u1")
		for _, turn := range []struct {
			status  int
			expires string
			want    []Verdict
			result  string
		}{
			{204, "1700000000", []Verdict{{x, false, 1700000000, 3000}}, "allowed"},
			{0, "", nil, "unavailable"},
			{200, "soon", nil, "unavailable"},
			{200, "", []Verdict{{x, false, 0, 3000}}, "allowed"},
			{503, "", nil, "unavailable"},
			{429, "", nil, "unavailable"},
			{401, "", []Verdict{{x, true, 0, 3000}}, "refused"},
			{302, "", []Verdict{{x, true, 0, 3000}}, "refused"},
		} {
			before := b.keep.Totals()[Asked{"route", "recheck", turn.result}]
			b.say(turn.status, turn.expires)
			began := time.Now()
			for len(b.asked()) == 0 {
				pass(time.Second)
			}
			if took := time.Since(began); took < 45*time.Second || took > time.Minute+time.Second {
				t.Errorf("%d: asked after %v", turn.status, took)
			}
			var got []Verdict
			for len(b.verdicts) > 0 {
				got = append(got, <-b.verdicts)
			}
			if !reflect.DeepEqual(got, turn.want) {
				t.Errorf("%d %q: got %v, want %v", turn.status, turn.expires, got, turn.want)
			}
			if n := b.keep.Totals()[Asked{"route", "recheck", turn.result}] - before; n != 1 {
				t.Errorf("%d: got %d %s, want 1", turn.status, n, turn.result)
			}
		}
		x.End(session.End{})
		if pass(time.Hour); len(b.asked()) != 0 || len(b.verdicts) != 0 || len(b.kept)+len(b.due) != 0 {
			t.Error("asked about a session that has ended")
		}
		b.Add(x, ParseQuestion(textOf(http.Header{"A": {"b"}})))
		if len(b.kept) != 0 {
			t.Error("kept a session that had ended")
		}
	})
}

// The same is asked as before; those who are alike are asked about once, and not all at
// the same time.
func TestRechecksOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, time.Minute)
		b.hold = make(chan struct{})
		for range 10 {
			b.open("u1")
		}
		pass(time.Minute)
		want := http.Header{"Cookie": {"session=u1", "b=: 2"}, "X-Forwarded-Uri": {"/?u1"}}
		if got := b.asked(); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("got questions %v, want one: %v", got, want)
		}
		close(b.hold)
		if synctest.Wait(); len(b.verdicts) != 10 {
			t.Errorf("got %d verdicts, want 10", len(b.verdicts))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, time.Minute)
		for i := range 150 {
			b.open(fmt.Sprint("u", i))
		}
		if pass(45*time.Second - 1); len(b.asked()) != 0 {
			t.Error("asked about before three quarters")
		}
		for i := range 15 {
			if n := len(b.asked()); n > 40 {
				t.Errorf("%d asked about in second %d, of 150", n, i)
			}
			pass(time.Second)
		}
		pass(0)
		if n := len(b.verdicts); n != 150 {
			t.Errorf("got %d verdicts, want 150", n)
		}
	})
}

// A service that hangs is asked a bounded number of questions, and those who come are
// still asked about. Once it answers, nobody was forgotten.
func TestRechecksFindRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, time.Minute)
		b.hold = make(chan struct{})
		for i := range 300 {
			b.open(fmt.Sprint("u", i))
		}
		if pass(5 * time.Minute); b.under.Load() != mostAgain {
			t.Errorf("got %d questions under way, want %d", b.under.Load(), mostAgain)
		}
		came := make(chan error)
		go func() {
			_, err := b.gate.way.check(clientOf(t, "/"), time.Now())
			came <- err
		}()
		if synctest.Wait(); b.under.Load() != mostAgain+1 {
			t.Error("nobody asks about who comes")
		}
		close(b.hold)
		if err := <-came; err != nil {
			t.Error(err)
		}
		if pass(5 * time.Second); len(b.verdicts) != 300 {
			t.Errorf("got %d verdicts, want 300", len(b.verdicts))
		}
	})
}

// Open sessions follow the rule of now: asked sooner, not at all, and again.
func TestRechecksFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, time.Hour)
		b.open("u1")
		follow := func(every time.Duration) { b.rule(b.keep, every); b.Follow() }
		follow(time.Second)
		if pass(time.Second); len(b.asked()) != 1 || len(b.verdicts) != 1 {
			t.Error("not asked by the new rule")
		}
		follow(0)
		if pass(time.Hour); len(b.asked()) != 0 || len(b.due) != 0 {
			t.Error("asked without a rule")
		}
		b.hold = make(chan struct{})
		follow(time.Minute)
		if pass(time.Minute); b.under.Load() != 1 {
			t.Error("not asked by the rule that is back")
		}
		<-b.verdicts
		follow(time.Second)
		b.say(401, "")
		close(b.hold)
		if synctest.Wait(); len(b.verdicts) != 0 {
			t.Errorf("got %v by a rule that has gone", <-b.verdicts)
		}
		if pass(time.Second); len(b.verdicts) == 0 || !(<-b.verdicts).Ends {
			t.Error("not asked when the rule had changed meanwhile")
		}
	})
}

// What is asked is data for the next process, and nobody else's business.
func TestQuestionText(t *testing.T) {
	q := ParseQuestion(textOf(http.Header{"Cookie": {"secret"}}))
	if ParseQuestion(q.Text()) != q || ParseQuestion("") != (Question{}) || (Question{}).Text() != "" {
		t.Error("got another question of its text")
	}
	if text := fmt.Sprintf("%v %+v %#v", q, q, q); strings.Contains(text, "secret") {
		t.Errorf("shown as %s", text)
	}
}
