package upstream

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy/config"
)

// chain returns db, main after db, and chat after main and db.
func chain() []*config.Upstream {
	c := testCheck(config.CheckPath, "/")
	return []*config.Upstream{
		{Name: "chat", Endpoints: []config.Endpoint{{Scheme: config.HTTP, Address: "chat:80"}}, After: []string{"main", "db"}},
		{Name: "main", Endpoints: []config.Endpoint{{Scheme: config.HTTP, Address: "main-1:80"}, {Scheme: config.HTTP, Address: "main-2:80"}}, After: []string{"db"}, Check: c},
		{Name: "db", Endpoints: []config.Endpoint{{Scheme: config.HTTP, Address: "db:80"}}, Check: c},
	}
}

// wantWaits dials each upstream and wants the error, "" for none.
func wantWaits(t *testing.T, p *Pool, when string, want map[string]string) {
	t.Helper()
	for name, text := range want {
		e, conn, err := p.Get(name).DialNext(t.Context(), new(Tries))
		got := ""
		switch wait, ok := errors.AsType[*WaitError](err); {
		case ok:
			got = wait.Error()
		case err != nil:
			t.Errorf("%s: %s: got %v", when, name, err)
		default:
			conn.Close()
			e.Release()
		}
		if got != text {
			t.Errorf("%s: %s: got %q, want %q", when, name, got, text)
		}
	}
}

func TestAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(map[string]string{"chat:80": ok200, "main-1:80": ok200, "main-2:80": "hang", "db:80": busy})
		p := newChecked(f, chain())
		wantWaits(t, p, "before the checks", map[string]string{
			"db":   "",
			"main": "upstream main waits for db, which is not healthy",
			"chat": "upstream chat waits for main and db, which are not healthy",
		})
		p.StartChecks()
		synctest.Wait()
		wantWaits(t, p, "db is ill, one of main is well", map[string]string{
			"main": "upstream main waits for db, which is not healthy",
			"chat": "upstream chat waits for db, which is not healthy",
		})
		f.set("db:80", ok200)
		time.Sleep(21 * time.Second)
		wantWaits(t, p, "all are well", map[string]string{"db": "", "main": "", "chat": ""})

		p = p.Next(chain(), nil)
		p.StartChecks()
		wantWaits(t, p, "after a reload", map[string]string{"db": "", "main": "", "chat": ""})

		p.Get("main").Endpoints()[0].Disable(true)
		wantWaits(t, p, "one of main is disabled, the other ill", map[string]string{
			"chat": "upstream chat waits for main, which is not healthy",
		})
		if got := p.Stats()[0]; got.Name != "chat" || len(got.WaitsFor) != 1 || got.WaitsFor[0] != "main" {
			t.Errorf("stats: got %+v, want chat to wait for main", got)
		}
		p.Get("main").Endpoints()[0].Disable(false)
		f.set("db:80", "")
		time.Sleep(time.Minute)
		wantWaits(t, p, "db is gone", map[string]string{
			"main": "upstream main waits for db, which is not healthy",
			"chat": "upstream chat waits for db, which is not healthy",
		})
		p.StopChecks()
	})
}

func TestSlowStart(t *testing.T) {
	for _, balance := range []config.Balance{config.RoundRobin, config.LeastSessions, config.Random2} {
		t.Run(string(balance), func(t *testing.T) {
			u := newWeighted(t, balance, 1, 1)
			u.slowStart = 30 * time.Second
			begin := time.Unix(1e9, 0)
			a := u.Endpoints()[0]
			a.change(begin, func(h *health) { h.undialled(begin, 0) })
			a.change(begin, (*health).dialled)
			for _, tt := range []struct {
				after time.Duration
				want  int // of 1000 sessions that come and stay
			}{
				{0, 48}, // 0.05 of 1.05
				{3 * time.Second, 91},
				{15 * time.Second, 333},
				{30 * time.Second, 500},
				{time.Hour, 500},
			} {
				for range 1000 {
					if _, err := u.pick(begin.Add(tt.after), choice{session: true, tries: new(Tries)}); err != nil {
						t.Fatal(err)
					}
				}
				if got := a.Sessions(); got < tt.want*85/100 || got > tt.want*115/100 {
					t.Errorf("%v after it is back: got %d sessions of 1000, want %d or so", tt.after, got, tt.want)
				}
				for i := range u.members {
					u.members[i].sessions.Store(0)
				}
			}
		})
	}
}

// At the start of usher nobody is slower than others.
func TestNoSlowStartAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := checked(testCheck(config.CheckTCP, ""), "a:80")
		list[0].SlowStart = time.Minute
		p := newChecked(newFarm(map[string]string{"a:80": "hang"}), list)
		p.StartChecks()
		synctest.Wait()
		if warm := p.Get("main").Endpoints()[0].health.warm; !warm.IsZero() {
			t.Errorf("first check has passed: got a slow start at %v, want none", warm)
		}
		p.StopChecks()
	})
}
