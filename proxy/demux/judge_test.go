package demux

import (
	"slices"
	"testing"
	"time"

	"usher/proxy/engineio"
)

// asker has everything guarded but "/", and answers when it is told to.
type asker struct {
	*fake
	asked []uint32
}

func (a *asker) Guarded(namespace string) bool { return namespace != "/" }
func (a *asker) Judge(ticket uint32, _ Plea)   { a.asked = append(a.asked, ticket) }

func newAsker(t *testing.T, v engineio.Version) *asker {
	t.Helper()
	f := &fake{t: t, config: NewConfig(shop()), legs: map[int]int{}, pooled: map[*byte]bool{}, now: time.Minute}
	a := &asker{fake: f}
	f.begin(v, f)
	f.s = New(f.config, &f.stats, v, a)
	f.call(func() { f.s.Start(f.now) })
	if v == engineio.V3 {
		f.input("main.opens")
		f.input("main 0")
		return a
	}
	f.input("client 0")
	f.input("main.opens")
	f.input(`main 0{"sid":"x"}`)
	return a
}

func (a *asker) judge(v Verdict) {
	a.t.Helper()
	last := a.asked[len(a.asked)-1]
	a.call(func() { a.s.Judged(a.now, last, v) })
}

// Who leaves while it is judged has asked all the same: it counts until then.
func TestPleasAreBounded(t *testing.T) {
	a := newAsker(t, engineio.V4)
	for range 500 {
		a.input("client 0/admin,{}")
		a.input("client 1/admin,")
	}
	if n := len(a.asked); n > a.config.MaxNamespaces || n > 64 {
		t.Errorf("asked %d times at once", n)
	}
	if !a.s.Judging() || a.s.Held() != 0 {
		t.Errorf("got %v and %d bytes held, want verdicts to be due, and nothing held", a.s.Judging(), a.s.Held())
	}
	for _, ticket := range a.asked {
		a.call(func() { a.s.Judged(a.now, ticket, Verdict{}) })
	}
	if a.s.Judging() || slices.Contains(a.log, "admin.dial") {
		t.Errorf("got %q, want nobody to have joined", a.log)
	}
}

// What waits for a verdict is held once, also while it is let go.
func TestPleaIsHeldOnce(t *testing.T) {
	a := newAsker(t, engineio.V4)
	a.input("client 0/admin,{}")
	for range 600 {
		a.input("client 2/admin,[1]")
	}
	if a.judge(Verdict{}); a.over {
		t.Errorf("got %q, want 601 packets to be few enough", a.log[len(a.log)-1])
	}
}

// A token that has ended while the leg opened closes the leg, if nobody needs it.
func TestPleaOutlived(t *testing.T) {
	a := newAsker(t, engineio.V4)
	a.input("client 0/admin,{}")
	a.judge(Verdict{Until: a.now + time.Millisecond, Keep: true})
	a.advance(time.Second)
	a.log = nil
	a.input("admin.opens")
	want := []string{`client 4/admin,{"message":"unauthorized","data":{"reason":"token expired"}}`, "admin.close"}
	if !slices.Equal(a.log, want) {
		t.Errorf("got %q, want %q", a.log, want)
	}
}

// Who has joined, asks again and leaves is not let down: what it has sent meanwhile
// comes before it leaves.
func TestPleaOfAMember(t *testing.T) {
	a := newAsker(t, engineio.V3)
	a.input("client 0/admin?token=a,")
	a.judge(Verdict{})
	a.input("admin.opens")
	a.input("admin 0")
	a.input("admin 0/admin,")
	a.input("client 2/admin,[1]")
	a.log = nil
	a.input("client 0/admin?token=a,")
	a.input("client 2/admin,[2]")
	a.input("client 1/admin,")
	if want := []string{"admin 2/admin,[2]", "admin 1/admin,", "admin.close"}; !slices.Equal(a.log, want) {
		t.Errorf("got %q, want %q", a.log, want)
	}
}
