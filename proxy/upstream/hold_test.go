package upstream

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy/config"
)

// site is a network of servers that may be down.
type site struct {
	mu    sync.Mutex
	up    map[string]bool // guarded by mu
	dials atomic.Int64
}

func (s *site) set(address string, up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up[address] = up
}

func (s *site) dial(_ context.Context, _, address string) (net.Conn, error) {
	s.dials.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.up[address] {
		return nil, syscall.ECONNREFUSED
	}
	ours, theirs := net.Pipe()
	theirs.Close()
	return ours, nil
}

// holding returns upstream main, which holds for 5 s, on servers that are down, the
// file that says so, and its pool.
func holding(addresses ...string) (*site, *Pool, *Upstream, []*config.Upstream) {
	s := &site{up: make(map[string]bool)}
	list := upstreams(time.Second, config.RoundRobin, addresses...)
	list[0].Hold = 5 * time.Second
	p := NewPool(nil)
	p.Dial, p.Random = s.dial, func() float64 { return 0.5 }
	p = p.Next(list, nil)
	return s, p, p.Get("main"), list
}

// wanted is a DialNext under way.
type wanted struct {
	tries Tries
	at    time.Time
	err   error
	over  bool
}

func (w *wanted) run(ctx context.Context, u *Upstream) {
	e, conn, err := u.DialNext(ctx, &w.tries)
	if err == nil {
		conn.Close()
		e.Release()
	}
	w.at, w.err, w.over = time.Now(), err, true
}

// later returns when so much time has passed, and all that it brings is done.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestHeldUntilTheEndpointIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p, u, _ := holding("a:1", "b:1")
		defer p.StopChecks()
		began := time.Now()
		all := make([]wanted, 300)
		for i := range all {
			go all[i].run(t.Context(), u)
		}
		later(3 * time.Second)
		if got := u.stats().Held; got != len(all) {
			t.Fatalf("held: got %d, want %d", got, len(all))
		}
		if got := s.dials.Load(); got > 2*int64(len(all))+2*3*40+10 {
			t.Errorf("dials: got %d, want two of each and two of one every 25 ms", got)
		}
		if got := u.stats().Endpoints[0].DialFailures["refused"]; got > uint64(len(all)) {
			t.Errorf("failures: got %d, want those of who wants to connect", got)
		}
		s.set("b:1", true)
		later(time.Second)
		for i := range all {
			if w := &all[i]; !w.over || w.err != nil || w.at.Sub(began) > 3*time.Second+300*time.Millisecond {
				t.Fatalf("request %d: got %v after %v, want a connection when there is an endpoint", i, w.err, w.at.Sub(began))
			} else if got := w.tries.Held(); got != w.at.Sub(began) {
				t.Fatalf("held: got %v, want %v", got, w.at.Sub(began))
			}
		}
		st := u.stats()
		if st.Held != 0 || st.HeldTime.Count != uint64(len(all)) {
			t.Errorf("got %d held and %d that were, want none and all", st.Held, st.HeldTime.Count)
		}
	})
}

// Who comes when an outage is old is told at once, as are those that have waited
// until then.
func TestOldOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, u, _ := holding("a:1")
		defer p.StopChecks()
		began := time.Now()
		var first, second, third wanted
		first.run(t.Context(), u)
		if took := first.at.Sub(began); took != 5*time.Second || kindOf(first.err) != Refused {
			t.Errorf("the first: got %v after %v, want to be refused after 5 s", first.err, took)
		}
		began = time.Now()
		second.run(t.Context(), u)
		if !second.at.Equal(began) || kindOf(second.err) != Refused || second.tries.Held() != 0 {
			t.Errorf("another: got %v after %v, want to be refused at once", second.err, second.at.Sub(began))
		}
		time.Sleep(time.Hour)
		began = time.Now()
		third.run(t.Context(), u)
		if !third.at.Equal(began) || kindOf(third.err) != Refused {
			t.Errorf("an hour later: got %v after %v, want to be refused at once", third.err, third.at.Sub(began))
		}
	})
}

// Who has tried nothing hears what the endpoint said to others.
func TestWaitedInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, u, _ := holding("a:1")
		defer p.StopChecks()
		var first, second wanted
		go first.run(t.Context(), u)
		time.Sleep(time.Second)
		second.run(t.Context(), u)
		out, ok := errors.AsType[*OutageError](second.err)
		if !ok || out.Last != "dial a:1: connection refused" || second.tries.Held() != 4*time.Second {
			t.Errorf("got %v after %v, want an OutageError with the refusal after 4 s", second.err, second.tries.Held())
		}
	})
}

// An endpoint that comes and goes does not hold anybody for longer.
func TestHeldOnceInAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p, u, _ := holding("a:1")
		defer p.StopChecks()
		began := time.Now()
		var w wanted
		go func() {
			for range 10 {
				time.Sleep(time.Second)
				u.Endpoints()[0].Answered() // to somebody who is still connected
			}
		}()
		w.run(t.Context(), u)
		if took := w.at.Sub(began); took != 5*time.Second || w.err == nil {
			t.Errorf("got %v after %v, want an error after 5 s", w.err, took)
		}
		if got := s.dials.Load(); got > 5*40+10 {
			t.Errorf("dials: got %d, want one every 25 ms at most", got)
		}
		time.Sleep(10 * time.Second)
	})
}

func TestNobodyIsHeld(t *testing.T) {
	for name, prepare := range map[string]func(p *Pool, u *Upstream){
		"hold is 0":          func(_ *Pool, u *Upstream) { u.hold = 0 },
		"it stops":           func(p *Pool, _ *Upstream) { p.EndHolds() },
		"all are drained":    func(_ *Pool, u *Upstream) { u.Endpoints()[0].Disable(true) },
		"usher has no ports": func(p *Pool, _ *Upstream) { p.Dial = noDescriptor },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, p, u, _ := holding("a:1")
				defer p.StopChecks()
				prepare(p, u)
				began := time.Now()
				var w wanted
				w.run(t.Context(), u)
				if w.err == nil || !w.at.Equal(began) {
					t.Errorf("got %v after %v, want an error at once", w.err, w.at.Sub(began))
				}
			})
		})
	}
}

func noDescriptor(context.Context, string, string) (net.Conn, error) { return nil, syscall.EMFILE }

// Who is held is let go at once when there is nothing to wait for any more.
func TestHeldAreLetGo(t *testing.T) {
	gone := errors.New("gone")
	for name, tt := range map[string]struct {
		do   func(p *Pool, list []*config.Upstream, leave context.CancelCauseFunc)
		want func(error) bool
	}{
		"the client goes": {
			func(_ *Pool, _ []*config.Upstream, leave context.CancelCauseFunc) { leave(gone) },
			func(err error) bool { return errors.Is(err, gone) },
		},
		"usher stops": {
			func(p *Pool, _ []*config.Upstream, _ context.CancelCauseFunc) { p.EndHolds() },
			func(err error) bool { return kindOf(err) == Refused },
		},
		"usher stops after a reload": {
			func(p *Pool, list []*config.Upstream, _ context.CancelCauseFunc) { p.Next(list, nil).EndHolds() },
			func(err error) bool { return kindOf(err) == Refused },
		},
		"the upstream is removed": {
			func(p *Pool, list []*config.Upstream, _ context.CancelCauseFunc) {
				p.Next(list, nil).Next(list[:0], nil)
			},
			func(err error) bool { return kindOf(err) == Refused },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, p, u, list := holding("a:1")
				defer p.StopChecks()
				ctx, leave := context.WithCancelCause(t.Context())
				var w wanted
				go w.run(ctx, u)
				later(time.Second)
				if w.over {
					t.Fatalf("got %v, want it held", w.err)
				}
				now := time.Now()
				tt.do(p, list, leave)
				synctest.Wait()
				if !w.over || !w.at.Equal(now) || !tt.want(w.err) {
					t.Errorf("got %v at %v, want it let go at %v", w.err, w.at, now)
				}
			})
		})
	}
}

// A reload of other things lets nobody go, and both files' waiters count together.
func TestHeldThroughAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p, u, list := holding("a:1")
		defer p.StopChecks()
		var old, fresh wanted
		go old.run(t.Context(), u)
		synctest.Wait()
		next := p.Next(list, nil).Get("main")
		go fresh.run(t.Context(), next)
		later(time.Second)
		if got := next.stats().Held; got != 2 {
			t.Errorf("held: got %d, want 2", got)
		}
		s.set("a:1", true)
		later(time.Second)
		if !old.over || old.err != nil || !fresh.over || fresh.err != nil {
			t.Errorf("got %t %v and %t %v, want a connection each", old.over, old.err, fresh.over, fresh.err)
		}
	})
}

func TestTooManyAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, u, _ := holding("a:1")
		defer p.StopChecks()
		all := make([]wanted, mostHeld)
		for i := range all {
			go all[i].run(t.Context(), u)
		}
		synctest.Wait()
		var w wanted
		if w.run(t.Context(), u); !errors.Is(w.err, ErrCrowded) {
			t.Errorf("got %v, want ErrCrowded", w.err)
		}
	})
}

// Checks that fail are an outage too, and what they find ends it.
func TestHeldForAHealthyEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(map[string]string{"a:80": ok200})
		list := checked(config.Check{Kind: config.CheckPath, Path: "/", Every: 500 * time.Millisecond, Timeout: time.Second, Healthy: 1, Unhealthy: 1}, "a:80")
		list[0].Hold = 5 * time.Second
		p := newChecked(f, list)
		p.StartChecks()
		defer p.StopChecks()
		time.Sleep(time.Minute)
		f.set("a:80", busy)
		time.Sleep(time.Second)
		var w wanted
		go w.run(t.Context(), p.Get("main"))
		later(time.Second)
		if w.over {
			t.Fatalf("got %v, want it held", w.err)
		}
		f.set("a:80", ok200)
		later(time.Second)
		if !w.over || w.err != nil {
			t.Errorf("got %v, want a connection", w.err)
		}
		f.set("a:80", busy)
		time.Sleep(10 * time.Second)
		began := time.Now()
		var late wanted
		if late.run(t.Context(), p.Get("main")); !errors.Is(late.err, ErrNoEndpoint) || !late.at.Equal(began) {
			t.Errorf("got %v after %v, want ErrNoEndpoint at once", late.err, late.at.Sub(began))
		}
	})
}

// What broke off goes to the same endpoint again only if there is no other.
func TestBrokenOff(t *testing.T) {
	for _, tt := range []struct {
		name      string
		hold      time.Duration
		addresses []string
		want      string
	}{
		{"another", 5 * time.Second, []string{"a:1", "b:1"}, "b:1"},
		{"the same", 5 * time.Second, []string{"a:1"}, "a:1"},
		{"nobody", 0, []string{"a:1"}, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, _, u, _ := holding(tt.addresses...)
			u.hold = tt.hold
			var tries Tries
			e, err := u.Pick(t.Context(), &tries)
			if err != nil {
				t.Fatal(err)
			}
			broke := errors.New("broke off")
			tries.Break(time.Now(), e, broke)
			began := time.Now()
			next, err := u.Pick(t.Context(), &tries)
			if tt.want == "" {
				if !errors.Is(err, broke) {
					t.Errorf("%s: got %v, %v, want the error", tt.name, next, err)
				}
				return
			}
			if tt.want == "a:1" { // which may be about to end
				if !errors.Is(err, ErrHeld) {
					t.Fatalf("%s: got %v, %v, want ErrHeld", tt.name, next, err)
				}
				if err := u.Await(t.Context(), &tries); err != nil || time.Since(began) != brokenRest || tries.Held() != brokenRest {
					t.Fatalf("%s: got %v after %v, want it to rest", tt.name, err, time.Since(began))
				}
				next, err = u.Pick(t.Context(), &tries)
			}
			if err != nil || next.Address != tt.want {
				t.Fatalf("%s: got %v, %v, want %s", tt.name, next, err, tt.want)
			}
			if tries.Pass(next, broke); tt.want == "a:1" {
				if next, err = u.Pick(t.Context(), &tries); !errors.Is(err, broke) {
					t.Errorf("a second time: got %v, %v, want the error", next, err)
				}
			}
		})
	}
}

// Who has not been let out yet when its time is over is not refused if the endpoint
// is there.
func TestHeldUntilTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool([]*config.Upstream{{Name: "m", Hold: time.Second, Endpoints: []config.Endpoint{{Scheme: config.HTTP, Address: "127.0.0.1:1"}}}})
		u := p.Get("m")
		e := u.Endpoints()[0]
		p.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
		if _, err := e.Dial(t.Context()); err == nil {
			t.Fatal("got a connection")
		}
		var refused atomic.Int64
		var all sync.WaitGroup
		for range 5000 {
			all.Go(func() {
				if u.Await(t.Context(), new(Tries)) != nil {
					refused.Add(1)
				}
			})
		}
		time.Sleep(930 * time.Millisecond)
		e.change(time.Now(), (*health).dialled) // it is up again
		all.Wait()
		if n := refused.Load(); n > 0 {
			t.Errorf("got %d refused of 5000, though the endpoint is up", n)
		}
		p.EndHolds()
		time.Sleep(time.Second)
	})
}
