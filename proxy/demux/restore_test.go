package demux

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/proxy/engineio"
)

// young is the time of a process that has just begun, in which sessions are
// restored: what was before they came has negative times there.
// It is no whole number of milliseconds, as times of scripts are.
const young = 5*time.Millisecond + time.Microsecond

// recorder writes down what a session does, by the numbers of its legs, and has
// its caller do it, if it has one.
type recorder struct {
	Effects // nil for one that nobody sees
	fake    *fake
	lines   []string
	pooled  int
}

func (r *recorder) note(format string, args ...any) {
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *recorder) Ready(sid string) {
	r.note("ready %s", sid)
	if r.Effects != nil {
		r.Effects.Ready(sid)
	}
}

func (r *recorder) Refuse(no Refusal, err error) {
	r.note("refuse %v %v", no, err)
	if r.Effects != nil {
		r.Effects.Refuse(no, err)
	}
}

func (r *recorder) ToClient(m *Message) {
	r.note("client%s own=%v", r.fake.show(m), m.Own)
	if r.Effects != nil {
		r.Effects.ToClient(m)
	}
}

func (r *recorder) ToLeg(leg int, m *Message) {
	r.note("leg %d%s own=%v", leg, r.fake.show(m), m.Own)
	if r.Effects != nil {
		r.Effects.ToLeg(leg, m)
	}
}

func (r *recorder) Dial(leg int, to Target) {
	r.note("dial %d %v", leg, to)
	if r.Effects != nil {
		r.Effects.Dial(leg, to)
	}
}

func (r *recorder) CloseLeg(leg int) {
	r.note("close %d", leg)
	if r.Effects != nil {
		r.Effects.CloseLeg(leg)
	}
}

func (r *recorder) End(why Reason, err error) {
	r.note("end %v %v", why, err)
	if r.Effects != nil {
		r.Effects.End(why, err)
	}
}

func (r *recorder) Append(dst []byte, _ *Message) []byte { return append(dst, r.fake.content...) }

func (r *recorder) Take(n int) []byte {
	r.pooled++
	if r.Effects != nil {
		return r.Effects.Take(n)
	}
	return make([]byte, 0, max(n, 1))
}

func (r *recorder) Give(b []byte) {
	r.pooled--
	if r.Effects != nil {
		r.Effects.Give(b)
	}
}

// twin is what a restored session did in place of another one.
type twin struct {
	lines []string
	state State
	due   time.Duration
}

// elsewhere makes a call to a session that is restored from what f's would be
// handed on as, in another process.
func (f *fake) elsewhere(do func()) twin {
	f.t.Helper()
	r, here, now := &recorder{fake: f}, f.s, f.now
	defer func() { f.s, f.now, f.fx.lines = here, now, nil }()
	f.now = young
	f.s = f.moved(here, now, r)
	if f.s == nil {
		return twin{}
	}
	if got, want := f.s.Held(), here.Held(); got != want || f.s.heldCount != here.heldCount {
		f.t.Errorf("got %d bytes held when restored, want %d", got, want)
	}
	do()
	tw := twin{lines: r.lines}
	if !f.s.Over() {
		tw.state, tw.due = f.s.State(f.now), f.s.Due()-f.now
	}
	f.s.Close()
	if r.pooled != 0 {
		f.t.Errorf("got %d buffers left of a restored session, want none", r.pooled)
	}
	return tw
}

// moved returns what a session is in another process.
func (f *fake) moved(s *Session, now time.Duration, fx Effects) *Session {
	f.t.Helper()
	b, err := json.Marshal(s.State(now))
	if err != nil {
		f.t.Fatal(err)
	}
	var st State
	if err := json.Unmarshal(b, &st); err != nil {
		f.t.Fatal(err)
	}
	var stats Stats
	there, err := Restore(f.config, &stats, s.version, st, young, fx)
	if err != nil {
		f.t.Fatalf("%v\n%s", err, b)
	}
	return there
}

// same asserts that f's session has done what its twin did, and is as that is.
func (f *fake) same(tw twin) {
	f.t.Helper()
	if !slices.Equal(f.fx.lines, tw.lines) {
		f.t.Errorf("restored session: got\n%s\nwant\n%s", strings.Join(tw.lines, "\n"), strings.Join(f.fx.lines, "\n"))
	}
	if f.s.Over() {
		return
	}
	st := f.s.State(f.now)
	random := false
	for i := range st.Legs {
		if i < len(tw.state.Legs) && st.Legs[i].State == "pausing" { // for a time that is random
			random = true
			st.Legs[i].Due, tw.state.Legs[i].Due = nil, nil
		}
	}
	got, _ := json.Marshal(tw.state)
	want, _ := json.Marshal(st)
	if string(got) != string(want) {
		f.t.Errorf("restored session: got state\n%s\nwant\n%s", got, want)
	}
	if due := f.s.Due() - f.now; !random && f.s.due != 0 && tw.due < due {
		f.t.Errorf("restored session: got a Tick wanted in %v, want %v", tw.due, due)
	}
}

// FuzzMovedSession is FuzzSession with a move before each call.
func FuzzMovedSession(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomWalk(seed, 400))
	}
	f.Fuzz(func(t *testing.T, data []byte) { walk(t, data, true) })
}

// someState is a state with something everywhere.
func someState(t testing.TB) []byte {
	t.Helper()
	f := &fake{t: t, config: NewConfig(shop().onLoss(Reconnect)), legs: map[int]int{}, pooled: map[*byte]bool{}, now: time.Minute}
	f.begin(engineio.V4, f)
	f.call(func() { f.s.Start(f.now) })
	for _, line := range []string{
		`client 0{"token":"x"}`, `client 0/seller,`, `client 0/admin,`, `client 2/admin,["early"]`, `client 51-/admin,["bytes",{"_placeholder":true,"num":0}]`, `client* 1234`,
		`main.opens tag-1`, `main 0{"sid":"s","pid":"p"}`, `main 2["n","offset"]`, `main 21["asks"]`,
		`seller.opens tag-2`, `seller 0/seller,{"sid":"s"}`, `seller.goes`, `main 52-["bytes"]`, `main* 1`,
		`client 0/room-1,`, `client 1/room-1,`, `client 52-["bytes"]`, `client* 1`,
	} {
		f.input(line)
	}
	b, err := json.Marshal(f.s.State(f.now))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A state that is damaged, or of somebody who means harm, is an error or a
// session that stands what comes: never a panic.
func FuzzRestore(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(someState(f), randomWalk(seed, 200), seed&1 != 0)
	}
	f.Fuzz(func(t *testing.T, state, data []byte, old bool) { restoreAndWalk(t, state, data, old) })
}

func restoreAndWalk(t *testing.T, state, data []byte, old bool) {
	var st State
	if json.Unmarshal(state, &st) != nil {
		return
	}
	v := engineio.V4
	if old {
		v = engineio.V3
	}
	c := shop().onLoss(Reconnect)
	c.Fallback = 2
	r := &recorder{fake: &fake{t: t}}
	var stats Stats
	s, err := Restore(NewConfig(c), &stats, v, st, young, r)
	if err != nil {
		if r.pooled != 0 {
			t.Errorf("got %d buffers kept after %v, want none", r.pooled, err)
		}
		return
	}
	stand(r, s, data)
	s.Close()
	if r.pooled != 0 || s.Held() != 0 || s.heldCount != 0 {
		t.Errorf("got %d buffers, %d bytes and %d messages kept after the end, want none", r.pooled, s.Held(), s.heldCount)
	}
}

// stand has the session take what data says.
func stand(r *recorder, s *Session, data []byte) {
	said := []string{
		`0`, `0/admin,{"pid":"p~t"}`, `0/seller,`, `0/room-1,`, `1`, `1/admin,`, `2["e"]`, `21/seller,["e","o"]`, `31["a"]`,
		`51-["b"]`, `62-1["b"]`, `4{"message":"no"}`, `0{"sid":"s","pid":"p"}`, `0/seller,{"sid":"s"}`, `0/admin,{"sid":"s"}`, `x`,
	}
	now := young
	for i := 0; i+1 < len(data) && i < 400; i += 2 {
		op, leg := data[i], int(data[i+1]&7)
		m := r.fake.message(engineio.Message, op&64 != 0, said[data[i+1]>>4])
		switch now += time.Millisecond; op & 15 {
		case 0, 1, 2, 3:
			s.FromClient(now, m)
		case 4, 5, 6, 7:
			s.FromLeg(now, leg, m)
		case 8:
			s.LegUp(now, leg, "t")
			s.FromLeg(now, leg, r.fake.message(engineio.Open, false, fmt.Sprintf(openPacket, "x")))
		case 9:
			s.LegLost(now, leg)
		case 10:
			s.LegFailed(now, leg)
		case 11:
			s.LegRefused(now, leg, Refusal{Status: 401})
		default:
			now = max(now, min(s.Due(), now+time.Hour))
			s.Tick(now)
		}
	}
	if !s.Over() {
		s.State(now)
		s.Census(func(string, int, bool) {})
	}
}

// Each place of a state is filled with each kind of nonsense, by itself.
func TestRestoreHostileState(t *testing.T) {
	var tree any
	whole := someState(t)
	if err := json.Unmarshal(whole, &tree); err != nil {
		t.Fatal(err)
	}
	bad := []any{nil, true, -1, 0, 1, 2, 255, 256, 40_000, int64(math.MaxInt64), int64(math.MinInt64), 1e300, "", "x", "left", "open", "opaque", "pausing", "leaving", "AAAA", []any{}, map[string]any{}}
	n := 0
	replaced(tree, bad, func() {
		b, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		n++
		for seed := range uint64(2) {
			restoreAndWalk(t, b, randomWalk(seed, 40), seed == 1)
		}
	})
	if n < 1000 {
		t.Errorf("got %d states, want more: %s", n, whole)
	}
}

// replaced calls with once for each value of bad in each place of a tree.
func replaced(tree any, bad []any, with func()) {
	each := func(at func() any, put func(any)) {
		was := at()
		for _, v := range bad {
			put(v)
			with()
		}
		put(was)
		replaced(was, bad, with)
	}
	switch tree := tree.(type) {
	case map[string]any:
		for key := range tree {
			each(func() any { return tree[key] }, func(v any) { tree[key] = v })
		}
	case []any:
		for i := range tree {
			each(func() any { return tree[i] }, func(v any) { tree[i] = v })
		}
	}
}

// What a later version adds is passed over.
func TestRestoreLaterVersion(t *testing.T) {
	b := strings.Replace(string(someState(t)), `{`, `{"Novelty":[{"x":1}],`, 1)
	b = strings.ReplaceAll(b, `"Name":`, `"Colour":"red","Name":`)
	var st State
	if err := json.Unmarshal([]byte(b), &st); err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t}
	var stats Stats
	if _, err := Restore(NewConfig(shop().onLoss(Reconnect)), &stats, engineio.V4, st, young, &recorder{fake: f}); err != nil {
		t.Errorf("got %v, want it restored", err)
	}
}

// A session of a route that has lost a service cannot be restored.
func TestRestoreServiceGone(t *testing.T) {
	var st State
	if err := json.Unmarshal(someState(t), &st); err != nil {
		t.Fatal(err)
	}
	c := shop()
	c.Services[2].Name = "sellers"
	var stats Stats
	_, err := Restore(NewConfig(c), &stats, engineio.V4, st, young, &recorder{fake: &fake{t: t}})
	if err == nil || !strings.Contains(err.Error(), `unknown service "seller"`) {
		t.Errorf("got %v, want the service named", err)
	}
}

func (r *recorder) Guarded(string) bool { return false }

func (r *recorder) Judge(uint32, Plea) {}
