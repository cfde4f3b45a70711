package demux

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher/proxy/engineio"
)

// fake is the caller of a session. It writes down what the session does, and
// checks that it keeps to the contract.
type fake struct {
	t       testing.TB
	config  *Config
	s       *Session
	stats   Stats
	now     time.Duration
	log     []string
	legs    map[int]int // service by leg, of those that exist
	content []byte      // of the message that is being handled
	pooled  map[*byte]bool
	ready   bool
	over    bool
	group   bool      // a message with More went to the client last
	in      bool      // a call is under way
	moves   bool      // each call is made to a restored session, too
	fx      *recorder // between the session and its caller
}

func newFake(t *testing.T, c Config, v engineio.Version) *fake {
	t.Helper()
	f := &fake{t: t, config: NewConfig(c), legs: map[int]int{}, pooled: map[*byte]bool{}, now: time.Minute}
	f.begin(v, f)
	f.moves = true
	f.call(func() { f.s.Start(f.now) })
	return f
}

// begin makes the session, whose effects fx has.
func (f *fake) begin(v engineio.Version, fx Effects) {
	f.fx = &recorder{Effects: fx, fake: f}
	f.s = New(f.config, &f.stats, v, f.fx)
}

// call makes one call of the session.
func (f *fake) call(do func()) {
	if f.moves && !f.s.Over() {
		defer f.same(f.elsewhere(do))
	}
	f.in = true
	do()
	f.in = false
	if f.group && !f.over {
		f.t.Errorf("a group was left open towards the client")
	}
	if f.over && len(f.pooled) > 0 {
		f.t.Errorf("got %d buffers kept after the end, want none", len(f.pooled))
	}
	if got := f.s.Held(); got < 0 {
		f.t.Errorf("got %d bytes held", got)
	}
}

func (f *fake) note(format string, args ...any) {
	if !f.in {
		f.t.Errorf("an effect outside of a call")
	}
	if f.over {
		f.t.Errorf("an effect after the end: "+format, args...)
	}
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

func (f *fake) Ready(sid string) {
	if f.ready {
		f.t.Errorf("ready for the second time")
	}
	f.ready = true
	f.note("%s", strings.TrimSpace("ready "+sid))
}

func (f *fake) Refuse(r Refusal, _ error) {
	if f.ready {
		f.t.Errorf("refused after ready")
	}
	f.note("%s", strings.TrimSpace(fmt.Sprintf("refuse %d %s %s", r.Status, r.Text, r.After)))
	f.over = true
}

func (f *fake) End(why Reason, _ error) {
	if !f.ready {
		f.t.Errorf("an end before ready")
	}
	f.note("end %s", why)
	f.over = true
}

func (f *fake) ToClient(m *Message) {
	if !f.ready {
		f.t.Errorf("something for the client before ready")
	}
	if f.group && m.Type == engineio.Message && !m.Binary {
		f.t.Errorf("text inside of a group: %q", f.whole(m))
	}
	if m.Type == engineio.Message {
		f.group = m.More
	}
	f.note("%s", "client"+f.show(m))
}

func (f *fake) ToLeg(leg int, m *Message) {
	if _, ok := f.legs[leg]; !ok {
		f.t.Errorf("something for leg %d, which is not there", leg)
	}
	f.note("%s", f.name(leg)+f.show(m))
}

func (f *fake) Dial(leg int, to Target) {
	if _, ok := f.legs[leg]; ok {
		f.t.Errorf("leg %d is dialled, but is there", leg)
	}
	f.legs[leg] = to.Service
	line := f.name(leg) + ".dial"
	if to.Prefer != "" {
		line += " prefer=" + to.Prefer
	}
	if to.Avoid != "" {
		line += " avoid=" + to.Avoid
	}
	f.note("%s", line)
}

func (f *fake) CloseLeg(leg int) {
	if _, ok := f.legs[leg]; !ok {
		f.t.Errorf("leg %d is closed, but not there", leg)
	}
	f.note("%s.close", f.name(leg))
	delete(f.legs, leg)
}

func (f *fake) Append(dst []byte, _ *Message) []byte { return append(dst, f.content...) }

func (f *fake) Take(n int) []byte {
	b := make([]byte, 0, max(n, 1))
	f.pooled[&b[:1][0]] = true
	return b
}

func (f *fake) Give(b []byte) {
	p := &b[:1][0]
	if !f.pooled[p] {
		f.t.Errorf("a buffer is given back that was not taken, or grew")
	}
	delete(f.pooled, p)
	b = b[:cap(b)]
	for i := range b { // whoever still reads it gets nonsense
		b[i] = '!'
	}
}

func (f *fake) whole(m *Message) string {
	if m.Frame != nil {
		return string(f.content)
	}
	if !m.whole() {
		f.t.Errorf("a message without a frame has %d of %d bytes", len(m.Head), m.Size)
	}
	return string(m.Head)
}

// show writes a message as scripts do.
func (f *fake) show(m *Message) string {
	kind := ""
	switch {
	case m.Type != engineio.Message:
		return "! " + string(rune(m.Type)) + string(m.Head)
	case m.Binary:
		kind = "*"
	}
	if m.More {
		kind += "+"
	}
	return kind + " " + f.whole(m)
}

func (f *fake) name(leg int) string { return f.config.Services[f.legs[leg]].Name }

// leg returns the leg of a service.
func (f *fake) leg(service string) int {
	for leg := range f.legs {
		if f.name(leg) == service {
			return leg
		}
	}
	f.t.Fatalf("there is no leg to %q", service)
	return 0
}

// message makes a message as a caller does whose buffer holds only the
// beginning of long ones.
func (f *fake) message(t engineio.PacketType, binary bool, content string) *Message {
	f.content = []byte(content)
	head := f.content
	if t == engineio.Message && len(head) > MinHead {
		head = head[:MinHead]
	}
	return &Message{Type: t, Binary: binary, Head: head, Size: len(content), Frame: f.content[:0]}
}

// fromScript makes the message of a script's line: the mark is "*" for bytes
// and "!" for an Engine.IO packet with its type.
func (f *fake) fromScript(mark, content string) *Message {
	if mark == "!" {
		return f.message(engineio.PacketType(content[0]), false, content[1:])
	}
	return f.message(engineio.Message, mark == "*", content)
}

// advance lets time pass, with a Tick whenever one is due.
func (f *fake) advance(d time.Duration) {
	end := f.now + d
	for range 10_000 {
		due := f.s.Due()
		if due == 0 || due > end || f.over {
			break
		}
		f.now = max(f.now, due)
		f.call(func() { f.s.Tick(f.now) })
	}
	f.now = end
}

var lineForm = regexp.MustCompile(`^([a-z]+)([*!])?(?:\.([a-z]+))?(?: (.*))?$`)

const openPacket = `{"sid":"sid-%s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`

// input does what one line of a script says.
func (f *fake) input(line string) {
	f.t.Helper()
	m := lineForm.FindStringSubmatch(line)
	if m == nil {
		f.t.Fatalf("no line of a script: %q", line)
	}
	who, mark, verb, rest := m[1], m[2], m[3], m[4]
	f.now += time.Millisecond
	switch {
	case who == "pass":
		d, err := time.ParseDuration(rest)
		if err != nil {
			f.t.Fatal(err)
		}
		f.advance(d)
	case who == "expel":
		f.call(func() { f.s.Expel(f.now, rest) })
	case who == "close":
		f.call(f.s.Close)
		f.over = true
	case who == "client":
		f.call(func() { f.s.FromClient(f.now, f.fromScript(mark, rest)) })
	case verb == "":
		leg := f.leg(who)
		f.call(func() { f.s.FromLeg(f.now, leg, f.fromScript(mark, rest)) })
	default:
		leg := f.leg(who)
		f.call(func() { f.leglife(leg, who, verb, rest) })
	}
}

func (f *fake) leglife(leg int, service, verb, rest string) {
	f.t.Helper()
	switch verb {
	case "up":
		f.s.LegUp(f.now, leg, rest)
	case "opens":
		f.s.LegUp(f.now, leg, rest)
		f.s.FromLeg(f.now, leg, f.message(engineio.Open, false, fmt.Sprintf(openPacket, service)))
	case "fails":
		delete(f.legs, leg)
		f.s.LegFailed(f.now, leg)
	case "refuses":
		status, text, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(status)
		if err != nil {
			f.t.Fatal(err)
		}
		delete(f.legs, leg)
		text, after, _ := strings.Cut(text, " after ")
		f.s.LegRefused(f.now, leg, Refusal{n, text, after})
	case "goes":
		delete(f.legs, leg)
		f.s.LegLost(f.now, leg)
	default:
		f.t.Fatalf("no verb of a script: %q", verb)
	}
}

// play runs a script: lines without indentation are what comes, the indented
// ones behind each are all that the session does then.
func (f *fake) play(script string) {
	f.t.Helper()
	done := "the start"
	var want []string
	check := func() {
		f.t.Helper()
		got, wanted := strings.Join(f.log, "\n"), strings.Join(want, "\n")
		if got != wanted {
			f.t.Errorf("after %.200s:\ngot\n%.2000s\nwant\n%.2000s", done, got, wanted)
		}
		f.log, want = nil, nil
	}
	for line := range strings.SplitSeq(script, "\n") {
		line = strings.TrimPrefix(line, "\t\t")
		switch {
		case strings.TrimSpace(line) == "":
		case strings.HasPrefix(line, "\t"):
			want = append(want, strings.TrimPrefix(line, "\t"))
		default:
			check()
			f.input(line)
			done = line
		}
	}
	check()
}

// shop is the configuration of most tests: four services, and no fallback.
func shop() Config {
	return Config{
		Services: []Service{{Name: "main"}, {Name: "admin"}, {Name: "seller"}, {Name: "rooms"}},
		Rules: []Rule{
			{Pattern: "/", Service: 0},
			{Pattern: "/admin", Service: 1},
			{Pattern: "/staff", Service: 1},
			{Pattern: "/seller", Service: 2},
			{Expr: regexp.MustCompile(`^/room-\d+$`), Service: 3},
			{Pattern: "/tenant/*", Service: 3},
		},
		Fallback: -1,
	}
}

// onLoss gives all services a policy.
func (c Config) onLoss(p Policy) Config {
	c.Services = append([]Service(nil), c.Services...)
	for i := range c.Services {
		c.Services[i].OnLoss = p
	}
	return c
}

// play runs a script against a new session.
func play(t *testing.T, c Config, v engineio.Version, script string) *fake {
	t.Helper()
	f := newFake(t, c, v)
	f.play(script)
	return f
}

// wantDropped asserts how many packets were dropped for a reason.
func (f *fake) wantDropped(d Drop, want uint64) {
	f.t.Helper()
	if got := f.stats.Dropped[d].Load(); got != want {
		f.t.Errorf("got %d packets dropped as %s, want %d", got, d, want)
	}
}

func (f *fake) Guarded(string) bool { return false }

func (f *fake) Judge(uint32, Plea) {}
