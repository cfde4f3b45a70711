package socket

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// testTLS returns configurations of a server and of a client that asks for
// nothing.
func testTLS(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"socket.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return server, &tls.Config{InsecureSkipVerify: true, ServerName: "socket.test"}
}

// watched is a connection whose end here is watched, past the handshake.
type watched struct {
	under  *Detachable // below ours
	socket net.Conn    // below under
	ours   *tls.Conn
	theirs *tls.Conn
}

func newWatched(t *testing.T, client bool, server, cl *tls.Config) watched {
	t.Helper()
	a, b := newTestPair(t, "127.0.0.1:0")
	soon := time.Now().Add(20 * time.Second)
	a.SetDeadline(soon)
	b.SetDeadline(soon)
	w := watched{under: NewDetachable(a), socket: a}
	if log := w.under.Watch(client); client {
		cl.KeyLogWriter = log
		w.ours, w.theirs = tls.Client(w.under, cl), tls.Server(b, server)
	} else {
		w.ours, w.theirs = tls.Server(w.under, Watched(server)), tls.Client(b, cl)
	}
	done := make(chan error, 1)
	go func() { done <- w.theirs.Handshake() }()
	if err := errors.Join(w.ours.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	return w
}

// secured takes w over.
func (w watched) secured(t *testing.T) *Secured {
	t.Helper()
	s, plain := w.under.TakeOver(w.ours)
	if s == nil {
		t.Fatal("got it not taken over")
	}
	c := NewSecured(w.under.Detach(), s)
	c.plain = plain
	return c
}

// wantBoth fails unless what a writes b reads, and the other way round.
func wantBoth(t *testing.T, a, b net.Conn) {
	t.Helper()
	for _, size := range []int{1, 1000, 100_000} {
		for _, dir := range [][2]net.Conn{{a, b}, {b, a}} {
			p, got := bytes.Repeat([]byte{byte(size)}, size), make([]byte, size)
			done := make(chan error, 1)
			go func() { _, err := dir[0].Write(p); done <- err }()
			if _, err := io.ReadFull(dir[1], got); err != nil || !bytes.Equal(got, p) {
				t.Fatalf("%d bytes: got other ones, or %v", size, err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestTakeOver(t *testing.T) {
	for _, client := range []bool{false, true} {
		server, cl := testTLS(t)
		w := newWatched(t, client, server, cl)
		c := w.secured(t)
		wantBoth(t, c, w.theirs)
		c.Close()
		w.theirs.Close()
	}
}

// crypto/tls goes on where it must, and nobody notices.
func TestNotTakenOver(t *testing.T) {
	for name, change := range map[string]func(server *tls.Config, w *Detachable){
		"TLS 1.2":       func(server *tls.Config, _ *Detachable) { server.MaxVersion = tls.VersionTLS12 },
		"not wanted":    nil,
		"long in use":   nil,
		"a second time": nil,
	} {
		t.Run(name, func(t *testing.T) {
			server, cl := testTLS(t)
			if change != nil {
				change(server, nil)
			}
			w := newWatched(t, false, server, cl)
			switch name {
			case "not wanted":
				w.under.Unwatch()
			case "long in use":
				for range 600 {
					w.theirs.Write([]byte("x"))
					if _, err := io.ReadFull(w.ours, make([]byte, 1)); err != nil {
						t.Fatal(err)
					}
				}
				if w.under.watch != nil {
					t.Error("got it watched still")
				}
			case "a second time":
				w.secured(t)
			}
			if s, plain := w.under.TakeOver(w.ours); s != nil || plain != nil {
				t.Fatalf("got %v and %q, want nothing", s, plain)
			}
			if name != "a second time" {
				wantBoth(t, w.ours, w.theirs)
			}
		})
	}
}

// Whatever stands behind the handshake is read, in its order: what crypto/tls has
// opened and what has only come, the last record in part.
func TestTakeOverInTheMidst(t *testing.T) {
	server, cl := testTLS(t)
	server.DynamicRecordSizingDisabled = true
	w := newWatched(t, true, server, cl)
	w.theirs.Write([]byte("one two"))
	w.theirs.Write([]byte(" three"))
	w.theirs.Write(bytes.Repeat([]byte("x"), 16<<10))
	first := make([]byte, 3)
	if _, err := io.ReadFull(w.ours, first); err != nil || string(first) != "one" {
		t.Fatalf("got %q, %v", first, err)
	}
	c := w.secured(t)
	if string(c.plain) != " two" {
		t.Errorf("got %q left in crypto/tls, want what was opened and not read", c.plain)
	}
	want := " two three" + strings.Repeat("x", 16<<10)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("got other bytes, or %v", err)
	}
	wantBoth(t, c, w.theirs)
}

// What crypto/tls learns before it is relieved serves the connections that follow.
func TestTicketsBeforeTakeOver(t *testing.T) {
	server, cl := testTLS(t)
	cl.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for i := range 2 {
		w := newWatched(t, true, server, cl)
		if resumed := w.ours.ConnectionState().DidResume; resumed != (i > 0) {
			t.Errorf("connection %d: got resumed %t", i, resumed)
		}
		w.theirs.Write([]byte("101"))
		if _, err := io.ReadFull(w.ours, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		wantBoth(t, w.secured(t), w.theirs)
	}
}

// zeros is where a client has its random from that copies another's.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Who says the same random as somebody else gets secrets of its own.
func TestSameRandom(t *testing.T) {
	server, cl := testTLS(t)
	var log strings.Builder
	cl.Rand, cl.KeyLogWriter = zeros{}, &log
	one, two := newWatched(t, false, server, cl), newWatched(t, false, server, cl)
	if said := strings.Count(log.String(), "CLIENT_TRAFFIC_SECRET_0 "+strings.Repeat("0", 64)); said != 2 {
		t.Fatalf("got the random %d times, want twice", said)
	}
	b, a := two.secured(t), one.secured(t)
	wantBoth(t, a, one.theirs)
	wantBoth(t, b, two.theirs)
}

// What a server's config says otherwise holds: who looks at the hello, and who
// logs the keys.
func TestWatchedConfig(t *testing.T) {
	server, cl := testTLS(t)
	var log strings.Builder
	other := server.Clone()
	other.KeyLogWriter, other.NextProtos = &log, []string{"other"}
	cl.NextProtos = []string{"other"}
	server.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return other, nil }
	w := newWatched(t, false, server, cl)
	if got := w.ours.ConnectionState().NegotiatedProtocol; got != "other" {
		t.Errorf("got protocol %q, want that of the config for the client", got)
	}
	if !strings.Contains(log.String(), "CLIENT_TRAFFIC_SECRET_0") {
		t.Error("got nothing in the log of keys that the config has")
	}
	wantBoth(t, w.secured(t), w.theirs)

	refused := errors.New("refused")
	server.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, refused }
	a, b := newTestPair(t, "127.0.0.1:0")
	under := NewDetachable(a)
	under.Watch(false)
	go tls.Client(b, cl).Handshake()
	if err := tls.Server(under, Watched(server)).Handshake(); !errors.Is(err, refused) {
		t.Errorf("got %v, want %v", err, refused)
	}
}

// Who speaks no TLS is told so as without a watch, and who goes away in the midst
// of a record.
func TestWatchedNoise(t *testing.T) {
	for noise, want := range map[string]string{
		"GET / HTTP/1.1\r\n\r\n": "first record does not look like a TLS handshake",
		"\x16\x03\x01\xff\xff":   "oversized record",
		"\x16\x03\x01\x00\x10x":  "EOF",
		"":                       "EOF",
	} {
		server, _ := testTLS(t)
		a, b := newTestPair(t, "127.0.0.1:0")
		under := NewDetachable(a)
		under.Watch(false)
		b.Write([]byte(noise))
		b.(interface{ CloseWrite() error }).CloseWrite()
		err := tls.Server(under, Watched(server)).Handshake()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", noise, err, want)
		}
	}
}
