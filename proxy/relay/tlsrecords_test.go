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
	"slices"
	"strings"
	"testing"

	"usher/proxy/ws"
)

func TestTLSTruncatedRecord(t *testing.T) { bothTLS13(t, truncatedRecord) }

func truncatedRecord(t *testing.T, version uint16) {
	t.Helper()
	h := newHarness(t)
	c, cl, under := h.newTappedPeer(client, version)
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
	for _, version := range tlsVersions() {
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
	for _, version := range tlsVersions() {
		for s := range side(2) {
			t.Run(fmt.Sprintf("%s %s", s.of(), versionName(version)), func(t *testing.T) {
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

// TestTLSKeyUpdate plays a client that updates its keys and asks usher to do
// the same (RFC 8446, 4.6.3). crypto/tls cannot start one, so from the end of
// the handshake on the test keeps the record layer itself.
func TestTLSKeyUpdate(t *testing.T) { bothTLS13(t, keyUpdate) }

func keyUpdate(t *testing.T, version uint16) {
	t.Helper()
	h := newHarness(t)
	var log strings.Builder
	c, cl := h.newTLSPeerOver(client, func(server, cl *tls.Config) {
		server.SessionTicketsDisabled = true
		server.MaxVersion, cl.KeyLogWriter = version, &log
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
