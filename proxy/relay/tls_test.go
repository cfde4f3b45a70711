package relay

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

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

func TestTLSTruncatedRecord(t *testing.T) {
	h := newHarness(t)
	c, cl, under := h.newTappedPeer(client, tls.VersionTLS13)
	u, ul := h.newPeer(upstream)
	h.adoptLegs(&Options{}, cl, ul)
	c.raw.Write(under.sealed(func() { c.send(ws.Text, "hello") })[:9])
	c.raw.Close()
	h.step()
	u.wantClose("told", 1001, "client: connection lost")
	u.conn.Close()
	h.step()
	if err := h.ends[0].Err; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v for an end within a record, want %v", err, io.ErrUnexpectedEOF)
	}
	h.wantEnd("client.lost", 1001)
}

func TestTLSBrokenRecord(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		h := newHarness(t)
		c, cl, under := h.newTappedPeer(client, version)
		u, ul := h.newPeer(upstream)
		h.adoptLegs(&Options{}, cl, ul)
		record := under.sealed(func() { c.send(ws.Text, "hello") })
		record[len(record)-1] ^= 1
		c.raw.Write(record)
		h.step()
		u.wantClose("nothing of it passes", 1001, "client: connection lost")
		c.fill()
		if c.end == nil || !strings.Contains(c.end.Error(), "bad record MAC") {
			t.Errorf("got %v at the client, want the alert for a bad record MAC", c.end)
		}
		u.conn.Close()
		h.step()
		if h.ends[0].Err == nil {
			t.Error("got no detail of what broke")
		}
		h.wantEnd("client.lost", 1001)
	}
}

// crypto/tls goes on where it stopped when a read found no whole record: at
// every byte of a record, and of several.
func TestTLSEverySplitOfRecords(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for s := range side(2) {
			t.Run(fmt.Sprintf("%s %s", s.of(), tls.VersionName(version)), func(t *testing.T) {
				h := newHarness(t)
				from, fl, under := h.newTappedPeer(s, version)
				to, tl := h.newPeer(1 - s)
				if s == client {
					h.adoptLegs(&Options{}, fl, tl)
				} else {
					h.adoptLegs(&Options{}, tl, fl)
				}
				frames := [][]byte{from.frame(ws.Text, "hello"), from.frame(ws.Ping, ""), from.frame(ws.Binary, "world")}
				seal := func() []byte {
					return under.sealed(func() {
						for _, f := range frames {
							from.write(f)
						}
					})
				}
				want := strings.Join([]string{string(frames[0]), string(frames[1]), string(frames[2])}, "")
				for k, size := 0, 1; k < size; k++ {
					records := seal()
					size = len(records)
					from.raw.Write(records[:k])
					h.step()
					from.raw.Write(records[k:])
					h.step()
					to.wantNow(fmt.Sprintf("split behind %d of %d", k, size), []byte(want))
				}
			})
		}
	}
}

func TestTLSByteByByte(t *testing.T) {
	h := newHarness(t)
	c, cl, under := h.newTappedPeer(client, tls.VersionTLS13)
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
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
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

func TestTLSEarlyBytesStandFirst(t *testing.T) {
	h := newHarness(t)
	c, cl, under := h.newTappedPeer(client, tls.VersionTLS13)
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
	a, b := tls.Client(NewConn(ours), cl), tls.Server(under, server)
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

// A stalled TLS peer holds no more than a plain one but for the records'
// overhead, and gets all when it reads again.
func TestTLSStalled(t *testing.T) {
	h := newHarness(t)
	c, u := tlsCases()[1].adopt(h, &Options{})
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

// What Conn promises crypto/tls, and what crypto/tls makes of it.
func TestConnReadsNothingNow(t *testing.T) {
	ours, _ := socketpair(t)
	c := NewConn(ours).(*Conn)
	c.detach()
	var buf [4]byte
	_, err := c.Read(buf[:])
	var ne net.Error
	if !errors.As(err, &ne) || !ne.Temporary() || !ne.Timeout() { //nolint:staticcheck // Temporary is what crypto/tls asks
		t.Errorf("got %v, want a temporary net.Error", err)
	}
	c.in, c.end = []byte("hello"), io.EOF
	if n, err := c.Read(buf[:]); n != 4 || err != nil {
		t.Errorf("got %d, %v, want 4 bytes", n, err)
	}
	if n, err := c.Read(buf[:]); n != 1 || err != nil {
		t.Errorf("got %d, %v, want the last byte", n, err)
	}
	if n, err := c.Read(buf[:]); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("got %d, %v, want the end", n, err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v for a write that nobody takes, want %v", err, io.ErrClosedPipe)
	}
	if err := errors.Join(c.Close(), c.SetDeadline(time.Unix(1, 0)), c.SetReadDeadline(time.Unix(1, 0)), c.SetWriteDeadline(time.Unix(1, 0))); err != nil {
		t.Errorf("got %v from a detached Conn, want nothing done", err)
	}
	if _, err := ours.Write([]byte("x")); err != nil {
		t.Errorf("got %v, want the socket left alone", err)
	}
}

// Before it is detached a Conn is what it wraps.
func TestConnBefore(t *testing.T) {
	ours, theirs := socketpair(t)
	c := NewConn(ours)
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{c.SetDeadline(time.Unix(1, 0)), c.SetReadDeadline(time.Unix(1, 0)), c.SetWriteDeadline(time.Unix(1, 0))} {
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want the deadline to hold", err)
	}
	c.Close()
	if _, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the connection closed", err)
	}
}

// TestTLSKeyUpdate plays a client that updates its keys and asks usher to do
// the same (RFC 8446, 4.6.3). crypto/tls cannot start one, so from the end of
// the handshake on the test keeps the record layer itself.
func TestTLSKeyUpdate(t *testing.T) {
	h := newHarness(t)
	var log strings.Builder
	c, cl := h.newTLSPeerOver(client, func(server, cl *tls.Config) {
		server.SessionTicketsDisabled = true
		cl.MinVersion, cl.KeyLogWriter = tls.VersionTLS13, &log
	}, nil)
	u, ul := h.newPeer(upstream)
	h.adoptLegs(&Options{}, cl, ul)
	suite := c.conn.(*tls.Conn).ConnectionState().CipherSuite
	if suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skipf("the record layer of this test knows no %s", tls.CipherSuiteName(suite))
	}
	out, in := newRecords(t, log.String(), "CLIENT"), newRecords(t, log.String(), "SERVER")

	c.raw.Write(out.seal(23, c.frame(ws.Text, "before")))
	h.step()
	u.wantFrame("passes", ws.Text, "before")
	const requested = "\x18\x00\x00\x01\x01"
	update := out.seal(22, []byte(requested))
	out.update()
	behind := out.seal(23, c.frame(ws.Text, "behind"))
	for _, b := range append(update, behind...) {
		c.raw.Write([]byte{b})
		h.step()
	}
	u.wantFrame("passes under the new key", ws.Text, "behind")
	u.send(ws.Text, "answer")
	h.step()
	c.take(1 << 20)
	if kind, plain := in.open(&c.got); kind != 22 || string(plain) != "\x18\x00\x00\x01\x00" {
		t.Fatalf("got a record of type %d, %x, want usher's own key update", kind, plain)
	}
	in.update()
	if kind, plain := in.open(&c.got); kind != 23 || string(plain) != string(u.frame(ws.Text, "answer")) {
		t.Fatalf("got a record of type %d, %x, want the message under the new key", kind, plain)
	}
	h.wantOpen()
}

// records is one direction of a TLS 1.3 record layer with AES-128-GCM.
type records struct {
	t      *testing.T
	secret []byte
	number uint64
}

// newRecords takes the first traffic secret of who from a key log.
func newRecords(t *testing.T, log, who string) *records {
	t.Helper()
	for line := range strings.Lines(log) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == who+"_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			return &records{t: t, secret: secret}
		}
	}
	t.Fatalf("no secret of %s in the key log", who)
	return nil
}

// expand is HKDF-Expand-Label with no context (RFC 8446, 7.1).
func (r *records) expand(label string, size int) []byte {
	r.t.Helper()
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(info, byte(len("tls13 "+label)))
	info = append(info, "tls13 "+label...)
	key, err := hkdf.Expand(sha256.New, r.secret, string(append(info, 0)), size)
	if err != nil {
		r.t.Fatal(err)
	}
	return key
}

// update goes on to the next traffic secret.
func (r *records) update() { r.secret, r.number = r.expand("traffic upd", sha256.Size), 0 }

func (r *records) next() (cipher.AEAD, []byte) {
	r.t.Helper()
	block, err := aes.NewCipher(r.expand("key", 16))
	if err != nil {
		r.t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		r.t.Fatal(err)
	}
	nonce := r.expand("iv", 12)
	for i, b := range binary.BigEndian.AppendUint64(nil, r.number) {
		nonce[4+i] ^= b
	}
	r.number++
	return aead, nonce
}

func (r *records) seal(kind byte, plain []byte) []byte {
	aead, nonce := r.next()
	head := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(plain)+1+aead.Overhead()))
	return aead.Seal(head, nonce, append(slices.Clip(plain), kind), head)
}

// open takes one record off b.
func (r *records) open(b *[]byte) (kind byte, plain []byte) {
	r.t.Helper()
	if len(*b) < 5 {
		r.t.Fatalf("got %d bytes, want a record", len(*b))
	}
	head, rest := (*b)[:5], (*b)[5:]
	size := int(binary.BigEndian.Uint16(head[3:]))
	aead, nonce := r.next()
	plain, err := aead.Open(nil, nonce, rest[:size], head)
	if err != nil {
		r.t.Fatalf("record: %v", err)
	}
	*b = rest[size:]
	return plain[len(plain)-1], plain[:len(plain)-1]
}
