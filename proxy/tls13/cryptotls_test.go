package tls13_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"
	_ "unsafe" // for go:linkname

	"usher/proxy/socket"
	"usher/proxy/tls13"
)

// crypto/tls has no option for the suites of TLS 1.3.
//
//go:linkname suitesTLS13 crypto/tls.defaultCipherSuitesTLS13
var suitesTLS13 []uint16

// certificate is one for all tests.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"tls13.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// way is how a connection comes about.
type way struct {
	client  bool   // usher is the client
	suite   uint16 // 0 for any
	tickets bool
	certs   bool // the client shows a certificate
}

// against is a Session and the tls.Conn that is its peer, after the handshake.
type against struct {
	tb    testing.TB
	own   *tls13.Session
	stock *tls.Conn
	under *socket.Detachable // below stock, fed by hand
	out   []byte             // what stock has said
}

func connect(tb testing.TB, w way, asked func(server, client *tls.Config)) *against {
	tb.Helper()
	if w.suite != 0 {
		old := suitesTLS13
		suitesTLS13 = []uint16{w.suite}
		defer func() { suitesTLS13 = old }()
	}
	server := &tls.Config{Certificates: []tls.Certificate{certificate()}, SessionTicketsDisabled: !w.tickets, DynamicRecordSizingDisabled: true}
	client := &tls.Config{InsecureSkipVerify: true, DynamicRecordSizingDisabled: true}
	if w.certs {
		server.ClientAuth, client.Certificates = tls.RequireAnyClientCert, server.Certificates
	}
	if asked != nil {
		asked(server, client)
	}
	a, b := newCable(), newCable()
	own, peer := socket.NewDetachable(plug{in: a, out: b}), socket.NewDetachable(plug{in: b, out: a})
	var ours, theirs *tls.Conn
	if log := own.Watch(w.client); w.client {
		client.KeyLogWriter = log
		ours, theirs = tls.Client(own, client), tls.Server(peer, server)
	} else {
		ours, theirs = tls.Server(own, socket.Watched(server)), tls.Client(peer, client)
	}
	done := make(chan error, 1)
	go func() { done <- theirs.Handshake() }()
	if err := errors.Join(ours.Handshake(), <-done); err != nil {
		tb.Fatal(err)
	}
	if got := ours.ConnectionState().CipherSuite; w.suite != 0 && got != w.suite {
		tb.Fatalf("got suite %x, want %x", got, w.suite)
	}
	c := &against{tb: tb, stock: theirs, under: peer}
	var plain []byte
	if c.own, plain = own.TakeOver(ours); c.own == nil || len(plain) > 0 {
		tb.Fatalf("got session %v and %q, want one, and nothing read", c.own, plain)
	}
	c.own.Feed(append(bytes.Clone(c.own.Rest()), a.b...)) // the tickets of a server may be there
	c.own.Keep()
	peer.Detach()
	peer.SendTo(&c.out)
	if got, err := c.read(b.b); err != nil || len(got) > 0 { // likewise
		tb.Fatalf("behind the handshake: got %q, %v", got, err)
	}
	return c
}

// read returns all that stock has to read of p.
func (c *against) read(p []byte) (got []byte, err error) {
	c.under.Feed(p, nil)
	var b [1 << 12]byte
	for {
		n, err := c.stock.Read(b[:])
		got = append(got, b[:n]...)
		if err != nil {
			if errors.Is(err, socket.ErrNothing) {
				err = nil
			}
			return got, err
		}
	}
}

// take returns all that own has to read of what stock has said, in pieces of
// that size; what it answers, stock reads.
func (c *against) take(size int) (got []byte, err error) {
	p := c.out
	c.out = nil
	for {
		n := min(size, len(p))
		c.own.Feed(append(bytes.Clone(c.own.Rest()), p[:n]...))
		p = p[n:]
		for err == nil {
			var b []byte
			b, err = c.own.Open(nil)
			got = append(got, b...)
			if c.own.Owes() {
				reply, replied := c.own.Reply(nil)
				if replied != nil {
					c.tb.Fatal(replied)
				}
				if _, told := c.read(reply); told != nil && (err == nil || errors.Is(err, tls13.ErrShort)) {
					c.tb.Fatal(told)
				}
			}
		}
		if !errors.Is(err, tls13.ErrShort) {
			return got, err
		}
		c.own.Keep()
		if err = nil; len(p) == 0 {
			return got, nil
		}
	}
}

func (c *against) wantTo(p []byte) {
	c.tb.Helper()
	sealed, err := c.own.Seal(nil, p)
	if err != nil {
		c.tb.Fatal(err)
	}
	if got, err := c.read(sealed); err != nil || !bytes.Equal(got, p) {
		c.tb.Fatalf("to crypto/tls: got %d bytes, %v, want the %d that were sealed", len(got), err, len(p))
	}
}

func (c *against) wantFrom(p []byte, split int) {
	c.tb.Helper()
	if _, err := c.stock.Write(p); err != nil {
		c.tb.Fatal(err)
	}
	if got, err := c.take(split); err != nil || !bytes.Equal(got, p) {
		c.tb.Fatalf("from crypto/tls: got %d bytes, %v, want the %d that were written", len(got), err, len(p))
	}
}

// move has another Session go on, by the JSON of its state.
func (c *against) move() {
	c.tb.Helper()
	st, err := c.own.State()
	if err != nil {
		c.tb.Fatal(err)
	}
	text, err := json.Marshal(st)
	if err != nil {
		c.tb.Fatal(err)
	}
	var back tls13.State
	if err := json.Unmarshal(text, &back); err != nil {
		c.tb.Fatal(err)
	}
	if c.own, err = tls13.Restore(back); err != nil {
		c.tb.Fatal(err)
	}
}

// update changes own's keys, and if ask, stock's.
func (c *against) update(ask bool) {
	c.tb.Helper()
	p, err := c.own.UpdateOut(nil, ask)
	if err != nil {
		c.tb.Fatal(err)
	}
	if got, err := c.read(p); err != nil || len(got) > 0 {
		c.tb.Fatalf("a key update: got %q, %v", got, err)
	}
}

func (w way) String() string {
	role := map[bool]string{true: "client", false: "server"}[w.client]
	return fmt.Sprintf("%s %s tickets %t certs %t", role, tls.CipherSuiteName(w.suite), w.tickets, w.certs)
}

func ways() (all []way) {
	for _, suite := range []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256} {
		for _, client := range []bool{false, true} {
			for _, tickets := range []bool{false, true} {
				for _, certs := range []bool{false, true} {
					all = append(all, way{client, suite, tickets, certs})
				}
			}
		}
	}
	return all
}

// What crypto/tls begins a Session goes on with, whatever stood in the handshake.
func TestTakesOver(t *testing.T) {
	for _, w := range ways() {
		t.Run(w.String(), func(t *testing.T) {
			c := connect(t, w, nil)
			for range 2 {
				for _, size := range []int{1, 100, 20_000} {
					c.wantTo(bytes.Repeat([]byte{'a'}, size))
					c.wantFrom(bytes.Repeat([]byte{'b'}, size), 1000)
				}
				c.move()
				c.update(false)
				c.update(true)
				c.move()
			}
			end, err := c.own.End(nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.read(end); !errors.Is(err, io.EOF) {
				t.Errorf("got %v for the end, want %v", err, io.EOF)
			}
			c.stock.CloseWrite()
			if _, err := c.take(1); !errors.Is(err, io.EOF) {
				t.Errorf("got %v for the end of crypto/tls, want %v", err, io.EOF)
			}
		})
	}
}

// A server that asks for another hello chooses its suite in that answer, too.
func TestHelloRetry(t *testing.T) {
	for _, client := range []bool{false, true} {
		c := connect(t, way{client: client, tickets: true}, func(server, _ *tls.Config) {
			server.CurvePreferences = []tls.CurveID{tls.CurveP521}
		})
		c.wantTo([]byte("hello"))
		c.wantFrom([]byte("hello"), 1)
	}
}

// A session that is resumed has secrets like any other.
func TestResumedHandshake(t *testing.T) {
	cache := tls.NewLRUClientSessionCache(1)
	var keys [32]byte
	for i := range 3 {
		resumed := false
		c := connect(t, way{tickets: true}, func(server, client *tls.Config) {
			server.SetSessionTicketKeys([][32]byte{keys})
			client.ClientSessionCache, client.ServerName = cache, "tls13.test"
			server.VerifyConnection = func(s tls.ConnectionState) error { resumed = s.DidResume; return nil }
		})
		c.wantTo([]byte("hello"))
		c.wantFrom([]byte("hello"), 1)
		if resumed != (i > 0) {
			t.Errorf("connection %d: got resumed %t", i, resumed)
		}
	}
}

// What is wrong with a record crypto/tls hears with the alert's own name.
func TestFaultsAreTold(t *testing.T) {
	for _, w := range ways() {
		c := connect(t, w, nil)
		c.stock.Write([]byte("secret"))
		c.out[len(c.out)-1] ^= 1
		got, err := c.take(10)
		if len(got) > 0 || err == nil || err.Error() != "local error: tls: bad record MAC" {
			t.Errorf("%v: got %q, %v", w, got, err)
		}
		_, err = c.stock.Read(make([]byte, 1))
		if err == nil || err.Error() != "remote error: tls: bad record MAC" {
			t.Errorf("%v: got %v at crypto/tls", w, err)
		}
	}
}

// Of the same text no two records are the same: none has the number and the key
// of another, across moves, those that came to nothing, and new keys.
func TestNoNonceTwice(t *testing.T) {
	c := connect(t, way{}, nil)
	seen := make(map[string]bool)
	seal := func() {
		t.Helper()
		p, err := c.own.Seal(nil, []byte("the same text"))
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(p)] {
			t.Fatal("got a record twice")
		}
		seen[string(p)] = true
		if _, err := c.read(p); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 200 {
		seal()
		old := c.own
		switch i % 4 {
		case 0:
			c.move()
			if p, err := old.Seal(nil, []byte("the same text")); err == nil || len(p) > 0 {
				t.Fatal("got a record of a session that was handed on")
			}
		case 1:
			if _, err := c.own.State(); err != nil {
				t.Fatal(err)
			}
			c.own.Resume()
		case 2:
			c.update(false)
		}
	}
}

// FuzzAgainstCryptoTLS plays any course of a connection: each pair of bytes is
// what happens, and how much of it.
func FuzzAgainstCryptoTLS(f *testing.F) {
	f.Add([]byte{0, 0, 10, 1, 20, 2, 0, 3, 0, 4, 0, 5, 9, 1, 200, 0, 255, 6, 0, 7, 3})
	f.Add([]byte{1, 1, 255, 4, 0, 1, 255, 3, 1, 1, 1, 0, 1})
	f.Add([]byte{14, 3, 0, 3, 0, 3, 0, 0, 99, 4, 0, 2, 0, 1, 99, 8, 0})
	all := ways()
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) == 0 {
			return
		}
		c := connect(t, all[int(script[0])%len(all)], nil)
		split, updates := 1000, 0
		for step := range slices.Chunk(script[1:min(len(script), 200)], 2) {
			if len(step) < 2 {
				break
			}
			size := int(step[1])
			switch step[0] % 9 {
			case 0:
				c.wantTo(bytes.Repeat([]byte{step[1]}, size+1))
			case 1:
				c.wantFrom(bytes.Repeat([]byte{step[1]}, size+1), split)
			case 2:
				c.wantTo(make([]byte, size*size+1))
			case 3:
				if updates++; updates > 8 { // more in a row are a fault
					c.wantTo([]byte("x"))
					c.wantFrom([]byte("x"), split)
					updates = 0
				}
				c.update(size%2 == 1)
			case 4:
				c.move()
			case 5:
				split = size + 1
			case 6:
				c.own.Cool()
			case 7:
				p, err := c.own.SealPadded(nil, []byte("padded"), size)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := c.read(p); err != nil || string(got) != "padded" {
					t.Fatalf("padded by %d: got %q, %v", size, got, err)
				}
			case 8:
				c.wantFrom(make([]byte, size*size+1), split)
			}
		}
	})
}
