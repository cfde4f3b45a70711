package demux

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/socketio"
)

// FuzzSession lets a session go through whatever the input says: packets of
// both sides, well made and not, legs that open, fail and go, and time.
func FuzzSession(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomWalk(seed, 400))
	}
	f.Fuzz(func(t *testing.T, data []byte) { walk(t, data, false) })
}

func TestRandomWalks(t *testing.T) {
	walks := uint64(500)
	if testing.Short() {
		walks = 300
	}
	var passed [2]int
	for seed := range walks {
		w := walk(t, randomWalk(seed, 600), seed%16 == 0)
		passed[0] += w.toLeg.packets
		passed[1] += w.toClient.packets
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if passed[0] < 10*int(walks) || passed[1] < 10*int(walks) {
		t.Errorf("got %d packets to legs and to clients, want walks that lead somewhere", passed)
	}
}

func randomWalk(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

// walker is a caller that knows what it has sent, and looks at what arrives.
type walker struct {
	*fake
	data     []byte
	sent     int // packets, which are numbered
	client   *stream
	legs     map[int]*stream
	toLeg    arrivals
	toClient arrivals
}

// stream is the state of one sender, and at a leg, of its receiver.
type stream struct {
	left   int // attachments of the group that it has begun
	group  int // its number
	joined map[string]bool
	in     reader
}

// arrivals are the packets that have arrived on one side.
type arrivals struct {
	packets int
	last    map[string]int // number of the last packet of each namespace
}

// reader takes the messages of one stream apart.
type reader struct {
	left, group int
}

var walkNames = []string{"/", "/admin", "/staff", "/seller", "/room-1", "/room-2", "/nope", "/tenant/" + strings.Repeat("x", 200)}

func walk(t *testing.T, data []byte, moves bool) *walker {
	w := &walker{data: data, client: newStream(), legs: map[int]*stream{}}
	w.toLeg.last, w.toClient.last = map[string]int{}, map[string]int{}
	c := shop()
	for i := range c.Services {
		kind := w.next()
		c.Services[i].OnLoss = Policy(kind % 3)
		c.Services[i].Eager = kind%16 == 0
		c.Services[i].AffinityPID = kind%5 == 0
		c.Services[i].Endpoints = int(kind % 4)
		c.Services[i].ConnectHold = time.Duration(kind%3) * 10 * time.Second
	}
	kind := w.next()
	c.PropagateHardClose = kind&1 != 0
	if kind&6 == 0 {
		c.Rules = c.Rules[1:] // "/" is nobody's
	}
	if kind&24 == 0 {
		c.Fallback = 2
	}
	c.MaxNamespaces, c.MaxLegs, c.MaxHeld, c.MaxHeldPackets = 6, 3, 20_000, 100
	c.MaxClientGroup, c.MaxLegGroup = 3000, 3000
	v := engineio.V4
	if kind&32 != 0 {
		v = engineio.V3
	}
	w.fake = &fake{t: t, config: NewConfig(c), legs: map[int]int{}, pooled: map[*byte]bool{}, now: time.Minute}
	w.begin(v, w)
	w.moves = moves
	w.call(func() { w.s.Start(w.now) })
	for len(w.data) > 0 && !w.over && !t.Failed() {
		w.step()
		w.checkBounds()
	}
	w.finish()
	return w
}

// finish sees that dials are not forgotten, and that the end is one.
func (w *walker) finish() {
	for i := range w.s.legs {
		l := &w.s.legs[i]
		_, there := w.fake.legs[i]
		if want := l.state != legFree && l.state != legPausing; !w.over && there != want {
			w.t.Errorf("leg %d in state %d: the caller has it: %v", i, l.state, there)
		}
		if l.state == legPausing && (w.s.Due() == 0 || w.s.Due() > l.due) && !w.over {
			w.t.Errorf("leg %d is to be dialled again, but no Tick is wanted", i)
		}
	}
	if !w.over {
		w.call(w.s.Close)
		w.over = true
	}
	if n := w.s.Held(); n != 0 || len(w.pooled) != 0 || w.s.heldCount != 0 {
		w.t.Errorf("got %d bytes, %d messages and %d buffers held after the end, want none", n, w.s.heldCount, len(w.pooled))
	}
	w.data = []byte(strings.Repeat("\x00\x05\x0f\x10\x17\x20\x2f\x33\x41\x77\xfe", 20))
	for len(w.data) > 0 {
		w.step() // has no effect, or note fails
	}
}

func (w *walker) checkBounds() {
	w.log = nil
	if w.over {
		return
	}
	if n, most := w.s.Held(), 20_000+3000+3*3000; n > most {
		w.t.Errorf("got %d bytes held, want at most %d", n, most)
	}
	if n := len(w.s.spaces); n > 6 {
		w.t.Errorf("got %d namespaces, want at most 6", n)
	}
	if n := len(w.s.legs); n > 4 { // eager ones are not bounded
		w.t.Errorf("got %d legs, want at most 4", n)
	}
	if len(w.pooled) > 2*6+1+1+4 {
		w.t.Errorf("got %d buffers", len(w.pooled))
	}
}

func newStream() *stream { return &stream{joined: map[string]bool{}} }

func (w *walker) next() byte {
	if len(w.data) == 0 {
		return 0
	}
	b := w.data[0]
	w.data = w.data[1:]
	return b
}

func (w *walker) step() {
	w.now += time.Millisecond
	op, arg := w.next(), w.next()
	switch {
	case op < 90:
		w.clientStep(op, arg)
	case op < 190:
		w.legStep(w.leg(arg>>4), op-90, arg&15)
	case op < 240:
		w.legLife(w.leg(arg>>4), arg)
	case op < 250:
		w.fake.advance(time.Duration(arg) * 50 * time.Millisecond)
	case op < 251 && arg < 64:
		w.fake.advance(time.Minute)
	case op == 251 && arg < 64:
		w.raw(arg)
	case !w.ready && !w.over:
	default:
		if w.s.version == engineio.V3 {
			w.fromClient(w.message(engineio.Ping, false, ""))
		} else {
			w.fromClient(w.message(engineio.Pong, false, ""))
		}
	}
}

// pick returns the name of one of the session's namespaces, "" if there is none
// of that kind.
func (w *walker) pick(arg byte, kind func(sp *space) bool) string {
	var names []string
	for i := range w.s.spaces {
		if kind(&w.s.spaces[i]) {
			names = append(names, w.s.spaces[i].name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return names[int(arg)%len(names)]
}

// raw sends what the input says, to whomever.
func (w *walker) raw(arg byte) {
	n := min(int(w.next()), len(w.data))
	content := string(w.data[:n])
	w.data = w.data[n:]
	m := w.message(engineio.Message, arg&1 != 0, content)
	if arg&2 != 0 && n > 0 {
		m = w.message(engineio.PacketType(content[0]), false, content[1:])
	}
	// Whatever it was, this sender can no longer be followed.
	if arg&4 != 0 && (w.ready || w.over) {
		w.client.left = 0
		w.toLeg.last = nil
		w.fromClient(m)
		return
	}
	w.toClient.last = nil
	leg := int(arg>>3) % 4
	if w.legs[leg] != nil {
		w.legs[leg].left = 0
	}
	w.call(func() { w.s.FromLeg(w.now, leg, m) })
}

func (w *walker) Dial(leg int, to Target) {
	w.fake.Dial(leg, to)
	w.legs[leg] = newStream()
}

func (w *walker) CloseLeg(leg int) {
	w.fake.CloseLeg(leg)
	delete(w.legs, leg)
}

func (w *walker) ToClient(m *Message) {
	w.fake.ToClient(m)
	if m.Type == engineio.Message && w.toClient.last != nil {
		w.arrive(&w.client.in, &w.toClient, m)
	}
}

func (w *walker) ToLeg(leg int, m *Message) {
	w.fake.ToLeg(leg, m)
	st := w.legs[leg]
	if m.Type != engineio.Message || st == nil || w.toLeg.last == nil {
		return
	}
	name, event := w.arrive(&st.in, &w.toLeg, m)
	switch {
	case event && !st.joined[name] && w.s.mode != opaque && w.toClient.last != nil:
		w.t.Errorf("an event for %q before its CONNECT was answered: %q", name, w.whole(m))
	case !m.Binary && w.whole(m) == "1"+head(name):
		st.joined[name] = false
	}
}

// arrive checks that groups are whole, and that the packets of a namespace come
// in order, each at most once.
func (w *walker) arrive(r *reader, a *arrivals, m *Message) (name string, event bool) {
	content := w.whole(m)
	if w.s.mode == opaque {
		return "", false
	}
	if m.Binary {
		var group, left int
		if _, err := fmt.Sscanf(content, "%d.%d.", &group, &left); err != nil || r.left == 0 || group != r.group || left != r.left-1 {
			w.t.Errorf("got attachment %q, want one of %d, %d left (%v)", content, r.group, r.left, err)
		}
		if r.left--; m.More != (r.left > 0) {
			w.t.Errorf("got More %v with %d attachments to come", m.More, r.left)
		}
		return "", false
	}
	h, _, err := socketio.ParseHeader([]byte(content), true)
	if err != nil || r.left > 0 {
		w.t.Errorf("got %q, want %d attachments of %d (%v)", content, r.left, r.group, err)
		return "", false
	}
	if m.More != (h.Attachments > 0) {
		w.t.Errorf("got More %v with %d attachments", m.More, h.Attachments)
	}
	r.left = h.Attachments
	name = string(h.Namespace)
	if h.Type != socketio.Event && h.Type != socketio.BinaryEvent {
		return name, false
	}
	if _, err := fmt.Sscanf(content[h.Data:], `["n",%d,`, &r.group); err != nil {
		w.t.Errorf("got %q, want a numbered event", content)
	}
	if r.group <= a.last[name] {
		w.t.Errorf("got packet %d of %q behind %d", r.group, name, a.last[name])
	}
	a.last[name] = r.group
	a.packets++
	return name, true
}

func (w *walker) Guarded(string) bool { return false }

func (w *walker) Judge(uint32, Plea) {}
