package messages

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy/config"
	"usher/proxy/handshake"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/ws"
)

// peer is one end of a session, played by the test.
type peer struct {
	t      *testing.T
	name   string
	conn   net.Conn
	client bool
	frames chan string // what came, each as frame() writes it; closed at the end
}

// newPeer returns a peer and the connection that usher has to it. It reads all
// the time unless it is slow.
func newPeer(t *testing.T, name string, slow bool) (*peer, net.Conn) {
	theirs, ours := net.Pipe()
	p := &peer{t: t, name: name, conn: theirs, client: name == "client", frames: make(chan string, 1000)}
	t.Cleanup(func() { theirs.Close() })
	if !slow {
		go p.read()
	}
	return p, ours
}

// read takes frames off the connection. What is no legal frame on this side
// stands as an error among them.
func (p *peer) read() {
	defer close(p.frames)
	var (
		in      []byte
		buf     [1000]byte
		check   ws.Checker
		scratch [ws.MaxControlPayload]byte
		rules   = ws.Rules{FromClient: !p.client}
	)
	for {
		n, err := p.conn.Read(buf[:])
		in = append(in, buf[:n]...)
		for {
			h, head, _ := ws.ParseHeader(in)
			if head == 0 || int64(len(in)-head) < h.Length {
				break
			}
			frame := in[:head+int(h.Length)]
			in = in[len(frame):]
			if _, kind, err := check.Next(&rules, frame); err != nil {
				p.frames <- err.Error()
			} else if kind == ws.Control {
				f := check.Control(frame, &scratch)
				p.frames <- show(f.Header.Opcode, true, f.Payload)
			} else {
				ws.Mask(frame[head:], h.Key, 0)
				p.frames <- show(h.Opcode, h.Fin, frame[head:])
			}
		}
		if err != nil {
			if len(in) > 0 {
				p.frames <- fmt.Sprintf("%d bytes of a frame", len(in))
			}
			return
		}
	}
}

// show writes a frame down in a form that is short and comparable.
func show(op ws.Opcode, fin bool, payload []byte) string {
	text := op.String()
	if !fin {
		text += " fragment"
	}
	if op == ws.Close && len(payload) >= 2 {
		code, reason, _ := ws.ParseClose(payload)
		return fmt.Sprintf("%s %d %s", text, code, reason)
	}
	if len(payload) > 100 {
		return fmt.Sprintf("%s of %d bytes, sum %d", text, len(payload), sum(payload))
	}
	return text + " " + string(payload)
}

func sum(p []byte) (s uint32) {
	for i, b := range p {
		s = s*31 + uint32(b) + uint32(i)
	}
	return s
}

// frame returns a frame of this peer's; flags are the first byte.
func (p *peer) frame(flags byte, payload string) []byte {
	h := ws.Header{Fin: flags&0x80 != 0, RSV: flags >> 4 & 7, Opcode: ws.Opcode(flags & 0xF), Masked: p.client, Length: int64(len(payload))}
	if p.client {
		h.Key = [4]byte{0x3A, 0x01, 0xFF, 0x5C}
	}
	body := []byte(payload)
	ws.Mask(body, h.Key, 0)
	return append(ws.AppendHeader(nil, h), body...)
}

// send sends a frame.
func (p *peer) send(flags byte, payload string) {
	p.t.Helper()
	p.sendBytes(p.frame(flags, payload))
}

func (p *peer) sendBytes(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// closes sends a Close frame.
func (p *peer) closes(code ws.Code, reason string) {
	p.t.Helper()
	p.send(0x88, string(ws.AppendClose(nil, code, reason)))
}

// want wants the next frame to be this.
func (p *peer) want(why, frame string) {
	p.t.Helper()
	select {
	case got, ok := <-p.frames:
		if !ok {
			got = "the end"
		}
		if got != frame {
			p.t.Fatalf("%s: %s got %q, want %q", why, p.name, got, frame)
		}
	case <-time.After(time.Hour):
		p.t.Fatalf("%s: %s got nothing, want %q", why, p.name, frame)
	}
}

func (p *peer) wantMessage(why string, op ws.Opcode, payload string) {
	p.t.Helper()
	p.want(why, show(op, true, []byte(payload)))
}

func (p *peer) wantClose(why string, code ws.Code, reason string) {
	p.t.Helper()
	p.want(why, fmt.Sprintf("close %d %s", code, reason))
}

func (p *peer) wantEnd(why string) {
	p.t.Helper()
	p.want(why, "the end")
}

func (p *peer) wantNothing(why string) {
	p.t.Helper()
	synctest.Wait()
	select {
	case got, ok := <-p.frames:
		p.t.Fatalf("%s: %s got %q (open %t), want nothing", why, p.name, got, ok)
	default:
	}
}

// relayed is one session between two peers.
type relayed struct {
	t                *testing.T
	relay            *Relay
	client, upstream *peer
	registry         *session.Registry
	session          *session.Session
	ends             chan session.End
	released         int
}

// setup says what is not the same in each test.
type setup struct {
	limits                   config.Limits
	engineIO                 bool
	fromClient, fromUpstream []byte
	slowClient, slowUpstream bool
}

// newSession starts a relay with one session.
func newSession(t *testing.T, s setup) *relayed {
	t.Helper()
	r := &relayed{t: t, ends: make(chan session.End, 2)}
	r.registry = session.NewRegistry(func(_ *session.Session, e session.End) { r.ends <- e })
	made := handshake.Pair{
		Session: r.registry.Open(session.Info{ID: "test"}), EngineIO: s.engineIO,
		FromClient: s.fromClient, FromUpstream: s.fromUpstream,
		Route:   &route.Route{Route: &config.Route{Limits: s.limits}},
		Release: func() { r.released++ },
	}
	r.session = made.Session
	r.client, made.Client = newPeer(t, "client", s.slowClient)
	r.upstream, made.Upstream = newPeer(t, "upstream", s.slowUpstream)
	r.relay = NewRelay(func(http.ResponseWriter, *http.Request, handshake.Claim) (handshake.Pair, bool) { return made, true },
		func(*session.Session) {})
	go r.relay.ServeHTTP(nil, &http.Request{}, handshake.Claim{})
	return r
}

// wantEnd wants that the session has ended so, once, and that both sockets are
// closed.
func (r *relayed) wantEnd(cause string, code ws.Code) {
	r.t.Helper()
	var end session.End
	select {
	case end = <-r.ends:
	case <-time.After(time.Hour):
		r.t.Fatalf("got no end, want %s", cause)
	}
	if end.Cause.String() != cause || end.Code != uint16(code) {
		r.t.Errorf("got end %s with code %d, error %v, want %s with %d", end.Cause, end.Code, end.Err, cause, code)
	}
	synctest.Wait()
	if s := r.registry.Stats(); s.Open != 0 || s.Duplicates != 0 {
		r.t.Errorf("got %d open sessions, %d duplicate ends, want 0, 0", s.Open, s.Duplicates)
	}
	if r.released != 1 {
		r.t.Errorf("got endpoint released %d times, want 1", r.released)
	}
	for _, p := range []*peer{r.client, r.upstream} {
		if _, err := p.conn.Write([]byte{0}); err == nil {
			r.t.Errorf("got socket of the %s open, want closed", p.name)
		}
	}
}

// bubble runs test with a clock of its own and wants that nothing is left
// running.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// long returns n bytes that do not repeat soon.
func long(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d,", i)
	}
	return b.String()[:n]
}
