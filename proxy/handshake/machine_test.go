package handshake

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/proxy/config"
	"usher/proxy/refusal"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/upstream"
)

// machine drives an Exchange by a script, without I/O. Its time stands still but
// for what the script says.
type machine struct {
	*Exchange
	t      *testing.T
	cancel context.CancelCauseFunc
	now    time.Time
	did    Effect
	asked  []string // each question
}

// newMachine begins the upgrade for path with two endpoints, which are never
// contacted.
func newMachine(t *testing.T, path string, more ...string) *machine {
	t.Helper()
	c := &config.Upstream{Name: "main", Balance: config.RoundRobin, DialTimeout: 5 * time.Second, Endpoints: []config.Endpoint{
		{Scheme: config.HTTP, Address: "192.0.2.1:80"}, {Scheme: config.HTTP, Address: "192.0.2.2:80"},
	}}
	r := &config.Route{Path: "/", Upstream: c, Relay: config.Frames, Limits: config.Limits{HandshakeTimeout: 5 * time.Second}}
	h := &Handler{
		Counters: new(Counters), Refusals: new(refusal.Writer), Upstreams: upstream.NewPool([]*config.Upstream{c}),
		Table:    route.NewTable(&config.Config{Upstreams: []*config.Upstream{c}, Routes: []*config.Route{r}}),
		Sessions: session.NewRegistry(func(*session.Session, session.End) {}),
	}
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request(path, more...))))
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, now: time.Unix(1e9, 0)}
	ctx, cancel := context.WithCancelCause(ConnContext(t.Context(), nil))
	m.cancel = cancel
	req = req.WithContext(ctx)
	if m.Exchange = h.Begin(req, h.Headers.Sender(req), m.now); m.Exchange == nil {
		t.Fatal("Begin: got none")
	}
	t.Cleanup(m.Close)
	m.did = m.Start(m.now)
	return m
}

// step does one step of a script, and returns the effect of it.
func (m *machine) step(text string) {
	m.t.Helper()
	verb, rest, _ := strings.Cut(text, " ")
	var to netip.AddrPort
	direct := false
	if m.did == Dial {
		to, _, direct = m.Direct()
	}
	switch verb {
	case "reached":
		if m.did != Dial || !direct {
			m.t.Fatalf("%s: got effect %d (direct %t), want to dial", text, m.did, direct)
		}
		m.did = m.Reached(m.now, net.TCPAddrFromAddrPort(to))
	case "again": // as the goroutine does that inquires
		if m.did != Dial || direct {
			m.t.Fatalf("%s: got effect %d (direct %t), want to dial by a goroutine", text, m.did, direct)
		}
		m.did = m.connected(m.now, m.peer, nil)
	case "refused":
		m.did = m.Missed(m.now, to, syscall.ECONNREFUSED)
	case "slow":
		m.did = m.Missed(m.now, to, context.DeadlineExceeded)
	case "says":
		m.did = m.Take(m.now, []byte(m.fill(rest)))
	case "ends":
		m.did = m.Lost(m.now, io.EOF)
	case "waits":
		m.now = m.Due()
		m.did = m.Expire(m.now)
	case "leaves":
		m.cancel(context.Canceled)
		m.did = m.Lost(m.now, context.Canceled)
	default:
		m.t.Fatalf("step %q: unknown", text)
	}
	if m.did == Ask {
		m.asked = append(m.asked, string(m.Question()))
	}
}

// fill puts lines' ends and the proof of the last question into a text.
func (m *machine) fill(text string) string {
	if len(m.asked) > 0 {
		text = strings.ReplaceAll(text, "{101}", good()(m.asked[len(m.asked)-1]))
	}
	return strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(text)
}

// outcome says what x has come to.
func (m *machine) outcome() string {
	switch {
	case m.did != Over:
		return fmt.Sprintf("effect %d", m.did)
	case m.err != nil:
		e := refusal.Of(m.context(), m.err)
		return fmt.Sprintf("%d %s", e.Status, e.Reason)
	case m.Opens():
		return "open " + string(m.buffers.in[m.dialogue.reply.head:])
	}
	return fmt.Sprintf("says %d", m.dialogue.reply.status)
}

const (
	sio4 = "/socket.io/?EIO=4&transport=websocket"
	sio3 = "/socket.io/?EIO=3&transport=websocket"
)

func TestMachine(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		script     []string
		want       string
		inUse      int // endpoints at the end
	}{
		{"opens", "/", []string{"reached", "says {101}"}, "open ", 1},
		{"in two parts", "/", []string{"reached", `says HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 40`, `says 4 No\r\n\r\n`}, "says 404", 1},
		{"with a frame", "/", []string{"reached", "says {101}\x81\x00"}, "open \x81\x00", 1},
		{"proves nothing", "/", []string{"reached", `says HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`}, "502 answer", 0},
		{"no HTTP", "/", []string{"reached", `says SSH-2.0\r\n\r\n`}, "502 answer", 0},
		{"breaks off", "/", []string{"reached", "says HTTP", "ends"}, "502 answer", 0},
		{"too slow", "/", []string{"reached", "waits"}, "504 timeout", 0},
		{"the other is there", "/", []string{"refused", "reached", "says {101}"}, "open ", 1},
		{"nobody is there", "/", []string{"refused", "refused"}, "502 dial", 0},
		{"two are slow", "/", []string{"slow", "slow"}, "504 timeout", 0},
		{"made up for", "/", []string{"reached", "ends", "reached", "says {101}"}, "open ", 1},
		{"made up for once", "/", []string{"reached", "ends", "reached", "ends"}, "502 answer", 0},
		{"silent, and nobody else is there", "/", []string{"reached", "ends", "refused"}, "502 dial", 0},
		{"of a session", sio4 + "&sid=1", []string{"reached", "ends"}, "502 answer", 0},
		{"the client leaves", "/", []string{"reached", "leaves"}, "502 client_gone", 0},
		{"Engine.IO 4 waits for nothing", sio4, []string{"reached", "says {101}"}, "open ", 1},
		{"Engine.IO 3 opens", sio3, []string{"reached", "says {101}", "says \x81\x00"}, "open \x81\x00", 1},
		{"Engine.IO 3 says nothing", sio3, []string{"reached", "says {101}", "waits"}, "open ", 1},
		{"Engine.IO 3 ends", sio3, []string{"reached", "says {101}", "ends"}, "open ", 1},
		{"Engine.IO 3, and the client leaves", sio3, []string{"reached", "says {101}", "leaves"}, "502 client_gone", 0},
		{"Engine.IO 3 takes it back", sio3, []string{"reached", "says {101}", "says HTTP/1.1 400 Bad", `says  Request\r\n\r\n`}, "says 400", 1},
		{"Engine.IO 3 takes it back by half", sio3, []string{"reached", "says {101}", "says HTTP/1.1 400 Bad", "ends"}, "502 answer", 0},
		{"inquired", sio4, []string{"reached", "ends", "again", `says HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n`}, "says 401", 1},
		{"inquired, and it would have been let in", sio4, []string{"reached", "ends", "again", `says HTTP/1.1 400 Bad\r\n\r\n{"code":3,`, "ends", "reached", "says {101}"}, "open ", 1},
		{"inquired, and silent again", sio4, []string{"reached", "ends", "again", "ends", "reached", "says {101}"}, "open ", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t, tt.path)
			for _, step := range tt.script {
				m.step(step)
			}
			if got := m.outcome(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := m.inUse(); got != tt.inUse {
				t.Errorf("endpoints in use: got %d, want %d", got, tt.inUse)
			}
		})
	}
}

func (m *machine) inUse() (n int) {
	for _, e := range m.claim.Upstream.Endpoints() {
		n += e.Use()
	}
	return n
}

// What an Exchange comes to does not depend on how an answer comes.
func FuzzMachine(f *testing.F) {
	for _, text := range []string{
		"{101}", "{101}\x81\x00", "{101}HTTP/1.1 400 Bad Request\r\n\r\n{}", "HTTP/1.1 103 \r\n\r\nHTTP/1.1 302 \r\nLocation: /\r\n\r\n",
		"HTTP/1.1 101 \r\n\r\n", "HTTP/1.1 200 OK\n\n", "SSH-2.0", "",
	} {
		f.Add(text, uint8(1), false)
		f.Add(text, uint8(7), true)
	}
	f.Fuzz(func(t *testing.T, text string, n uint8, old bool) {
		if len(text) > 1000 {
			return
		}
		path := sio4
		if old {
			path = sio3
		}
		var got []string
		for _, size := range []int{max(int(n), 1), len(text) + 1000} {
			m := newMachine(t, path, "Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Extensions: permessage-deflate")
			m.step("reached")
			text := m.fill(text)
			for piece := range slices.Chunk([]byte(text), size) {
				if m.did != Read && m.did != Ask {
					break
				}
				m.did = m.Take(m.now, piece)
			}
			if m.did == Read || m.did == Ask {
				m.step("ends")
			}
			outcome := m.outcome()
			if outcome, _, _ = strings.Cut(outcome, " "); !old && m.dialogue.reply.recanted {
				outcome = "open" // by the time that more comes, that is the relay's matter
			}
			got = append(got, outcome)
			if used := m.inUse(); used > 1 {
				t.Errorf("endpoints in use: got %d, want 1 at most", used)
			}
		}
		if got[0] != got[1] {
			t.Errorf("%q: got %q in parts of %d bytes, %q as a whole", text, got[0], n, got[1])
		}
	})
}

// TestBegin: what a loop may begin with breaks no rule, and waits for nobody.
func TestBegin(t *testing.T) {
	s := newTestServer(t, good())
	for _, text := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n", request("/", "Sec-WebSocket-Version: 8"), request("/", "Origin: https://elsewhere"), request("/../.."),
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		if x := s.Begin(r.WithContext(ConnContext(t.Context(), nil)), s.Headers.Sender(r), time.Now()); x != nil {
			t.Errorf("%q: got a handshake, want none", text)
		}
	}
	if got := s.Stats().Claims; got != 0 {
		t.Errorf("claims: got %d, want none", got)
	}
}
