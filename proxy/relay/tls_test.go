package relay

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"usher/proxy/socket"
	"usher/proxy/ws"
)

// wiretap keeps what is written while it is on, and the kind of each record that
// is read.
type wiretap struct {
	net.Conn
	on   bool
	kept []byte
	read []byte
}

func (c *wiretap) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read = append(c.read, p[:n]...)
	return n, err
}

// lastKind returns the type of the last record that was read.
func (c *wiretap) lastKind() (kind byte) {
	for b := c.read; len(b) >= 5; b = b[min(len(b), 5+int(binary.BigEndian.Uint16(b[3:]))):] {
		kind = b[0]
	}
	return kind
}

func (c *wiretap) Write(p []byte) (int, error) {
	if c.on {
		c.kept = append(c.kept, p...)
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// sealed returns the ciphertext that f makes p write.
func (c *wiretap) sealed(f func()) []byte {
	c.on, c.kept = true, nil
	f()
	c.on = false
	return c.kept
}

// newTappedPeer is newTLSPeer with a wiretap under the peer's end.
func (h *harness) newTappedPeer(s side, version uint16) (*peer, Leg, *wiretap) {
	h.t.Helper()
	var under *wiretap
	p, l := h.newTLSPeerOver(s, func(server, cl *tls.Config) {
		server.MaxVersion = version
	}, func(c net.Conn) net.Conn {
		under = &wiretap{Conn: c}
		return under
	})
	return p, l, under
}

type tlsCase struct {
	name    string
	version [2]uint16 // by side; 0 is plain
}

func tlsCases() []tlsCase {
	return []tlsCase{
		{"client 1.2", [2]uint16{tls.VersionTLS12, 0}},
		{"client 1.3", [2]uint16{tls.VersionTLS13, 0}},
		{"upstream 1.2", [2]uint16{0, tls.VersionTLS12}},
		{"upstream 1.3", [2]uint16{0, tls.VersionTLS13}},
		{"both 1.3", [2]uint16{tls.VersionTLS13, tls.VersionTLS13}},
		{"1.3 and 1.2", [2]uint16{tls.VersionTLS13, tls.VersionTLS12}},
		{"client with own records", [2]uint16{ownRecords, 0}},
		{"upstream with own records", [2]uint16{0, ownRecords}},
		{"both with own records", [2]uint16{ownRecords, ownRecords}},
	}
}

func (tc tlsCase) adopt(h *harness, o *Options) (c, u *peer) {
	h.t.Helper()
	var peers [2]*peer
	var legs [2]Leg
	for s := range side(2) {
		if v := tc.version[s]; v != 0 {
			peers[s], legs[s] = h.newTLSPeer(s, v)
		} else {
			peers[s], legs[s] = h.newPeer(s)
		}
	}
	h.adoptLegs(o, legs[client], legs[upstream])
	return peers[client], peers[upstream]
}

func TestTLSMessages(t *testing.T) {
	for _, tc := range tlsCases() {
		t.Run(tc.name, func(t *testing.T) {
			h := newHarness(t)
			c, u := tc.adopt(h, &Options{})
			for _, d := range dirs(c, u) {
				for _, size := range []int{0, 1, 1000, 16 << 10, 16<<10 + 1, bufferSize, 300_000} {
					frame := d.from.frame(ws.Binary, strings.Repeat("x", size))
					h.carry(fmt.Sprintf("%d bytes from %s", size, d.from.side.of()), d.from, d.to, frame)
				}
				d.from.write(mixed(d.from))
				h.step()
				d.to.fill()
				if string(d.to.got) != string(mixed(d.from)) {
					t.Errorf("got %x, want %x", d.to.got, mixed(d.from))
				}
				d.to.got = nil
			}
			h.wantOpen()
		})
	}
}

// Both Close frames, then close_notify: the peers see clean ends.
func TestTLSClose(t *testing.T) {
	for _, tc := range tlsCases() {
		t.Run(tc.name, func(t *testing.T) {
			h := newHarness(t)
			c, u := tc.adopt(h, &Options{})
			c.sendClose(1000, "")
			h.step()
			u.wantClose("passes", 1000, "")
			u.sendClose(1000, "")
			h.step()
			c.wantClose("passes", 1000, "")
			c.wantEOF("close_notify")
			u.wantEOF("close_notify")
			h.wantEnd("client.closed", 1000)
		})
	}
}

// crypto/tls takes an end without close_notify for one with it, others do
// not: so the record is looked for. TLS 1.2 shows its type.
func TestTLSOffenderReadsItsClose(t *testing.T) {
	h := newHarness(t)
	c, cl, under := h.newTappedPeer(client, tls.VersionTLS12)
	u, ul := h.newPeer(upstream)
	h.adoptLegs(&Options{}, cl, ul)
	c.write(flip(c))
	h.step()
	wantTold(t, c, 1002, "")
	wantTold(t, u, 1002, "client: ")
	c.wantEOF("usher has nothing more to say")
	const alert = 21
	if kind := under.lastKind(); kind != alert {
		t.Errorf("got a record of type %d last, want close_notify, of type %d", kind, alert)
	}
	c.write(flip(c)) // read and dropped
	h.step()
	h.wantOpen()
	c.conn.Close()
	u.conn.Close()
	h.step()
	h.wantEnd("client.protocol", 1002)
}

func TestTLSCloseNotifyWithoutClose(t *testing.T) {
	h := newHarness(t)
	c, u := tlsCases()[1].adopt(h, &Options{})
	c.conn.(*tls.Conn).CloseWrite()
	h.step()
	u.wantClose("told", 1001, "client: connection lost")
	u.conn.Close()
	h.step()
	h.wantEnd("client.lost", 1001)
}

func TestTLSByteByByte(t *testing.T) { bothTLS13(t, byteByByteTLS) }

func byteByByteTLS(t *testing.T, version uint16) {
	t.Helper()
	h := newHarness(t)
	c, cl, under := h.newTappedPeer(client, version)
	u, ul := h.newPeer(upstream)
	h.adoptLegs(&Options{}, cl, ul)
	stream := mixed(c)
	for _, b := range under.sealed(func() { c.write(stream[:40]); c.write(stream[40:]) }) {
		c.raw.Write([]byte{b})
		h.step()
	}
	u.wantNow("all of it", stream)
}

// Records that came with the last one of the handshake stand in crypto/tls
// when the leg is adopted.
func TestTLSLeftovers(t *testing.T) {
	for _, version := range tlsVersions() {
		for _, cut := range []int{0, 3} { // the last record whole, or not
			h := newHarness(t)
			c, cl, under := h.newTappedPeer(client, version)
			u, ul := h.newPeer(upstream)
			early, late := c.frame(ws.Text, "early"), c.frame(ws.Text, "late")
			records := under.sealed(func() { c.write([]byte("handshake")); c.write(early); c.write(late) })
			c.raw.Write(records[:len(records)-cut])
			buf := make([]byte, 9)
			if _, err := io.ReadFull(cl.Conn, buf); err != nil { // takes all records off the socket
				t.Fatal(err)
			}
			h.adoptLegs(&Options{}, cl, ul)
			if cut > 0 {
				u.wantNow("came with the handshake", early)
				early = nil
				c.raw.Write(records[len(records)-cut:])
				h.step()
			}
			u.wantNow("all of it", append(early, late...))
			h.wantOpen()
		}
	}
}

func TestTLSEarlyBytesStandFirst(t *testing.T) { bothTLS13(t, earlyBytesOverTLS) }

func earlyBytesOverTLS(t *testing.T, version uint16) {
	t.Helper()
	h := newHarness(t)
	c, cl, under := h.newTappedPeer(client, version)
	u, ul := h.newPeer(upstream)
	frame := c.frame(ws.Text, "in three parts")
	records := under.sealed(func() { c.write([]byte("handshake")); c.write(frame[:8]); c.write(frame[8:]) })
	c.raw.Write(records)
	if _, err := io.ReadFull(cl.Conn, make([]byte, 9)); err != nil {
		t.Fatal(err)
	}
	early := make([]byte, 8)
	if _, err := io.ReadFull(cl.Conn, early); err != nil {
		t.Fatal(err)
	}
	cl.Early = early
	h.adoptLegs(&Options{}, cl, ul)
	u.wantNow("in order", frame)
}

// An upstream's session tickets come behind the handshake: they are read in
// the loop, wherever they are split, and nothing of them passes.
func TestTLSTicketsOfAnUpstream(t *testing.T) {
	h := newHarness(t)
	ours, theirs := socketpair(t)
	server, cl := testTLS(t)
	cl.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	under := &wiretap{Conn: theirs}
	a, b := tls.Client(socket.NewDetachable(ours), cl), tls.Server(under, server)
	soon := time.Now().Add(5 * time.Second)
	ours.SetDeadline(soon)
	theirs.SetDeadline(soon)
	handshaken := make(chan error, 1)
	go func() { handshaken <- a.Handshake() }()
	// A server that asks for a certificate makes its ticket when it has read
	// the client's Finished: all that it writes before is let through.
	server.ClientAuth = tls.RequestClientCert
	done := make(chan error, 1)
	server.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
		under.on = true
		return server.EncryptTicket(cs, ss)
	}
	go func() { done <- b.Handshake() }()
	if err := errors.Join(<-handshaken, <-done); err != nil {
		t.Fatal(err)
	}
	under.on = false
	if len(under.kept) == 0 {
		t.Fatal("got no ticket of the server")
	}
	u := &peer{t: t, side: upstream, conn: b, raw: theirs}
	c, ul := h.newPeer(client)
	h.adoptLegs(&Options{}, ul, Leg{Conn: a})
	for _, part := range under.kept {
		theirs.Write([]byte{part})
		h.step()
	}
	c.wantIdle("a ticket is no frame")
	u.send(ws.Text, "behind the ticket")
	h.step()
	c.wantFrame("passes", ws.Text, "behind the ticket")
	c.send(ws.Text, "hello")
	h.step()
	u.wantFrame("passes", ws.Text, "hello")
	h.wantOpen()
}

// Of a line that is closed nothing is read or written any more, whoever still
// tries: its secrets are gone.
func TestTLSClosedLine(t *testing.T) { bothTLS13(t, closedLine) }

func closedLine(t *testing.T, version uint16) {
	t.Helper()
	h := newHarness(t)
	tlsCase{version: [2]uint16{version, 0}}.adopt(h, &Options{})
	l := &h.pair().legs[client].line
	h.loop.closeLine(l)
	h.loop.write(l, []byte("x"))
	if l.is(deaf) {
		t.Errorf("got state %b behind a write", l.state)
	}
	if err := h.loop.unseal(l); err != nil {
		t.Errorf("got %v for what was not read, want nothing", err)
	}
	h.loop.closeLeg(&h.pair().legs[upstream])
	h.step()
}

// A stalled TLS peer holds no more than a plain one but for the records'
// overhead, and gets all when it reads again.
func TestTLSStalled(t *testing.T) { bothTLS13(t, stalledTLS) }

func stalledTLS(t *testing.T, version uint16) {
	t.Helper()
	h := newHarness(t)
	c, u := tlsCase{version: [2]uint16{version, 0}}.adopt(h, &Options{})
	message := u.frame(ws.Binary, strings.Repeat("x", kernel))
	taken := h.stuff(u, message)
	if taken == len(message) {
		t.Fatal("got all taken for a client that reads nothing")
	}
	if n := h.pair().legs[client].waitingBytes(); n > bufferSize+1<<10 {
		t.Errorf("got %d bytes waiting, want little more than %d", n, bufferSize)
	}
	done := make(chan struct{})
	go func() { defer close(done); u.write(message[taken:]) }()
	for until := time.Now().Add(20 * time.Second); len(c.got) < len(message) && c.end == nil && time.Now().Before(until); {
		h.move()
		c.fill()
	}
	<-done
	c.wantFrame("all of it", ws.Binary, strings.Repeat("x", kernel))
}
