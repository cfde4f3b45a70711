package tls13

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"
)

// take feeds s all of p in pieces of that size, and returns what it brings.
func take(s *Session, p []byte, size int) (got []byte, err error) {
	for len(p) > 0 && err == nil {
		n := min(size, len(p))
		s.Feed(append(bytes.Clone(s.Rest()), p[:n]...))
		p = p[n:]
		for err == nil {
			var b []byte
			b, err = s.Open(nil)
			got = append(got, b...)
		}
		if errors.Is(err, ErrShort) {
			s.Keep()
			err = nil
		}
	}
	return got, err
}

func mustSeal(t *testing.T, s *Session, p []byte) []byte {
	t.Helper()
	sealed, err := s.Seal(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// inner seals what no Session would: any type, and any padding.
func inner(t *testing.T, s *Session, kind byte, p []byte, padding int) []byte {
	t.Helper()
	p = append(bytes.Clone(p), kind)
	p = append(p, make([]byte, padding)...)
	sealed, err := s.out.seal(nil, p[len(p)-1], p[:len(p)-1])
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// wantSame fails unless what one seals the other opens.
func wantSame(t *testing.T, why string, from, to *Session, p []byte, size int) {
	t.Helper()
	if got, err := take(to, mustSeal(t, from, p), size); err != nil || !bytes.Equal(got, p) {
		t.Fatalf("%s: got %d bytes, %v, want the %d that were sealed", why, len(got), err, len(p))
	}
}

func TestSizesAndSplits(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite uint16) {
		client, server := newPair(t, suite)
		for _, size := range []int{1, 16, 1000, MaxData - 1, MaxData, MaxData + 1, 3*MaxData + 5} {
			p := bytes.Repeat([]byte{byte(size)}, size)
			for _, split := range []int{7, 1000, MaxRecord, 1 << 20} {
				wantSame(t, "to the server", client, server, p, split)
				wantSame(t, "to the client", server, client, p, split)
			}
		}
		for _, split := range []int{1, 2, 3, 4, 5} {
			wantSame(t, "byte by byte", client, server, []byte("hello"), split)
		}
	})
}

// Records are opened in a buffer of the caller's, if that is large enough.
func TestOpenInto(t *testing.T) {
	client, server := newPair(t, 0x1301)
	sealed := mustSeal(t, client, []byte("hello"))
	kept := bytes.Clone(sealed)
	server.Feed(sealed)
	buffer := make([]byte, OpenRoom)
	p, err := server.Open(buffer)
	if err != nil || string(p) != "hello" || &p[0] != &buffer[0] || !bytes.Equal(sealed, kept) {
		t.Errorf("got %q, %v, want it in the buffer, and the record untouched", p, err)
	}
}

// What the fault of a peer is told it with (RFC 8446, 5 and 6.2). Nothing of the
// record is used.
func TestFaults(t *testing.T) {
	at := func(i int, b byte) func([]byte) []byte {
		return func(p []byte) []byte { p[(i+len(p))%len(p)] ^= b; return p }
	}
	for _, tc := range []struct {
		name string
		make func(t *testing.T, from *Session) []byte
		want Alert
	}{
		{"wrong tag", broken(at(-1, 1)), badRecordMAC},
		{"wrong ciphertext", broken(at(5, 1)), badRecordMAC},
		{"wrong length", broken(func(p []byte) []byte { p[4]--; return p[:len(p)-1] }), badRecordMAC},
		{"shorter than a tag", func(*testing.T, *Session) []byte { return []byte{23, 3, 3, 0, 3, 1, 2, 3} }, badRecordMAC},
		{"no tag at all", func(*testing.T, *Session) []byte { return []byte{23, 3, 3, 0, 0} }, badRecordMAC},
		{"another's record", func(t *testing.T, _ *Session) []byte {
			c, _ := pairOf(t, 0x1301, make([]byte, 32), make([]byte, 32))
			return mustSeal(t, c, []byte("x"))
		}, badRecordMAC},
		{"a record that was left out", func(t *testing.T, s *Session) []byte { mustSeal(t, s, []byte("x")); return mustSeal(t, s, []byte("y")) }, badRecordMAC},
		{"wrong version", broken(at(2, 4)), protocolVersion},
		{"unprotected alert", broken(func([]byte) []byte { return []byte{21, 3, 3, 0, 2, 2, 40} }), unexpectedMessage},
		{"unprotected handshake", broken(func([]byte) []byte { return []byte{22, 3, 3, 0, 4, 1, 0, 0, 0} }), unexpectedMessage},
		{"change_cipher_spec behind the handshake", broken(func([]byte) []byte { return []byte{20, 3, 3, 0, 1, 1} }), unexpectedMessage},
		{"heartbeat", broken(func([]byte) []byte { return []byte{24, 3, 3, 0, 1, 1} }), unexpectedMessage},
		{"larger than may be", broken(func([]byte) []byte { return []byte{23, 3, 3, 0x41, 1} }), recordOverflow},
		{"brings more than may be", func(t *testing.T, s *Session) []byte { return inner(t, s, dataRecord, make([]byte, MaxData), 1) }, recordOverflow},
		{"brings more than may be, unpadded", func(t *testing.T, s *Session) []byte { return inner(t, s, dataRecord, make([]byte, MaxData+1), 0) }, recordOverflow},
		{"no type", func(t *testing.T, s *Session) []byte { return inner(t, s, 0, nil, 10) }, unexpectedMessage},
		{"unknown type", sends(25, []byte("x")), unexpectedMessage},
		{"protected change_cipher_spec", sends(changeCipherSpec, []byte{1}), unexpectedMessage},
		{"half an alert", sends(alertRecord, []byte{2}), decodeError},
		{"two alerts", sends(alertRecord, []byte{2, 40, 1, 0}), decodeError},
		{"no alert", sends(alertRecord, nil), decodeError},
		{"no handshake message", sends(handshakeRecord, nil), unexpectedMessage},
		{"a certificate request", sends(handshakeRecord, []byte{13, 0, 0, 1, 0}), unexpectedMessage},
		{"a client hello", sends(handshakeRecord, []byte{1, 0, 0, 1, 0}), unexpectedMessage},
		{"a key update of two bytes", sends(handshakeRecord, []byte{keyUpdate, 0, 0, 2, 0, 0}), decodeError},
		{"an empty key update", sends(handshakeRecord, []byte{keyUpdate, 0, 0, 0}), decodeError},
		{"an unknown key update", sends(handshakeRecord, []byte{keyUpdate, 0, 0, 1, 2}), illegalParameter},
		{"two key updates in a record", sends(handshakeRecord, []byte{keyUpdate, 0, 0, 1, 0, keyUpdate, 0, 0, 1, 0}), unexpectedMessage},
		{"data within a message", func(t *testing.T, s *Session) []byte {
			return append(inner(t, s, handshakeRecord, []byte{keyUpdate, 0}, 0), inner(t, s, dataRecord, []byte("x"), 0)...)
		}, unexpectedMessage},
		{"an alert within a message", func(t *testing.T, s *Session) []byte {
			return append(inner(t, s, handshakeRecord, []byte{keyUpdate, 0}, 0), inner(t, s, alertRecord, []byte{1, 0}, 0)...)
		}, unexpectedMessage},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, server := newPair(t, 0x1301)
			wantFault(t, server, client, tc.make(t, client), tc.want)
		})
	}
}

// broken changes a record of data.
func broken(change func([]byte) []byte) func(*testing.T, *Session) []byte {
	return func(t *testing.T, from *Session) []byte {
		t.Helper()
		return change(mustSeal(t, from, []byte("secret")))
	}
}

// sends seals a record of any type.
func sends(kind byte, p []byte) func(*testing.T, *Session) []byte {
	return func(t *testing.T, from *Session) []byte { t.Helper(); return inner(t, from, kind, p, 0) }
}

// wantFault fails unless s says that alert to what comes, and nothing else.
func wantFault(t *testing.T, s, peer *Session, come []byte, want Alert) {
	t.Helper()
	got, err := take(s, come, len(come))
	if len(got) > 0 || !errors.Is(err, want.fault()) {
		t.Fatalf("got %q, %v, want nothing, %v", got, err, want)
	}
	if _, again := s.Open(nil); !errors.Is(again, want.fault()) {
		t.Errorf("got %v for another read, want %v", again, want)
	}
	if !s.Owes() {
		t.Fatal("got nothing to be said to the peer")
	}
	reply, err := s.Reply(nil)
	if err != nil || s.Owes() {
		t.Fatalf("got %v, want the alert sealed once", err)
	}
	_, err = opened(peer, reply)
	if !errors.Is(err, AlertError{want, true}) {
		t.Errorf("got %v at the peer, want %v", err, want)
	}
	if _, err := s.Seal(nil, []byte("x")); !errors.Is(err, ErrEnded) {
		t.Errorf("got %v for a write behind an alert, want %v", err, ErrEnded)
	}
	if _, err := s.State(); !errors.Is(err, ErrState) && err != nil {
		t.Errorf("got %v for the state of a session that has failed", err)
	}
}

// Every alert of a peer ends the connection with its name, but the two that are
// no faults.
func TestAlerts(t *testing.T) {
	for a := range 256 {
		client, server := newPair(t, 0x1301)
		_, err := opened(server, inner(t, client, alertRecord, []byte{2, byte(a)}, 0))
		remote, ok := errors.AsType[AlertError](err)
		switch Alert(a) {
		case closeNotify:
			if !errors.Is(err, io.EOF) {
				t.Errorf("close_notify: got %v, want %v", err, io.EOF)
			}
		case userCanceled:
			if err != nil {
				t.Errorf("user_canceled: got %v, want it left", err)
			}
			wantSame(t, "behind it", client, server, []byte("x"), 100)
		default:
			if !ok || !remote.Remote || remote.Alert != Alert(a) || remote.Alert.String() == "" {
				t.Errorf("alert %d: got %v", a, err)
			}
		}
		if server.Owes() {
			t.Errorf("alert %d: got it answered", a)
		}
		wantSame(t, "the other way", server, client, []byte("x"), 100)
	}
}

func TestKeyUpdates(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite uint16) {
		client, server := newPair(t, suite)
		for _, asks := range []byte{0, 1, 1, 0} {
			for _, split := range []int{1, 5, 100} {
				old := server.in.secret
				update := inner(t, client, handshakeRecord, []byte{keyUpdate, 0, 0, 1, asks}, 3)
				client.out.update()
				if _, err := take(server, append(update, mustSeal(t, client, []byte("x"))...), split); err != nil {
					t.Fatal(err)
				}
				if server.in.secret == old || server.in.number != 1 {
					t.Fatal("got the keys of before")
				}
				if server.Owes() != (asks == 1) {
					t.Fatalf("asked %d: got an answer due: %t", asks, server.Owes())
				}
				reply, err := server.Reply(nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := take(client, reply, 100); err != nil {
					t.Fatal(err)
				}
				wantSame(t, "behind the answer", server, client, []byte("y"), split)
			}
		}
	})
}

// A message may come in records of its own for each byte.
func TestSplitMessages(t *testing.T) {
	client, server := newPair(t, 0x1301)
	ticket := append([]byte{newSessionTicket, 0, 0, 40}, make([]byte, 40)...)
	for _, b := range ticket {
		if _, err := opened(client, inner(t, server, handshakeRecord, []byte{b}, 0)); err != nil && client.useless <= maxUseless {
			t.Fatal(err)
		}
		client.useless = 0
	}
	for _, b := range []byte{keyUpdate, 0, 0, 1, 0} {
		if _, err := opened(client, inner(t, server, handshakeRecord, []byte{b}, 0)); err != nil {
			t.Fatal(err)
		}
	}
	server.out.update()
	wantSame(t, "under the new keys", server, client, []byte("x"), 100)
	if _, err := opened(server, inner(t, client, handshakeRecord, ticket, 0)); !errors.Is(err, unexpectedMessage.fault()) {
		t.Errorf("got %v for a ticket of a client, want %v", err, unexpectedMessage)
	}
	if _, err := opened(client, inner(t, server, handshakeRecord, []byte{newSessionTicket, 1, 0, 1}, 0)); !errors.Is(err, decodeError.fault()) {
		t.Errorf("got %v for a ticket of 64 KiB and more, want %v", err, decodeError)
	}
}

// A peer costs no more than it sends: records that bring nothing are bounded in
// a row, changes of keys altogether.
func TestUseless(t *testing.T) {
	for _, tc := range []struct {
		name string
		kind byte
		p    []byte
	}{{"empty", dataRecord, nil}, {"user_canceled", alertRecord, []byte{1, byte(userCanceled)}}, {"tickets", handshakeRecord, []byte{newSessionTicket, 0, 0, 1, 0}}} {
		client, server := newPair(t, 0x1301) // the peer is a server, which may send tickets
		for range 3 {
			for range maxUseless {
				if _, err := opened(client, inner(t, server, tc.kind, tc.p, 0)); err != nil {
					t.Fatalf("%s: got %v", tc.name, err)
				}
			}
			wantSame(t, tc.name, server, client, []byte("x"), 100)
		}
		for range maxUseless {
			opened(client, inner(t, server, tc.kind, tc.p, 0))
		}
		if _, err := opened(client, inner(t, server, tc.kind, tc.p, 0)); !errors.Is(err, unexpectedMessage.fault()) {
			t.Errorf("%s: got %v for one too many, want %v", tc.name, err, unexpectedMessage)
		}
	}
}

func TestTooManyKeyUpdates(t *testing.T) {
	client, server := newPair(t, 0x1301)
	update := func() error {
		p := inner(t, client, handshakeRecord, []byte{keyUpdate, 0, 0, 1, 1}, 0)
		client.out.update()
		_, err := take(server, append(p, mustSeal(t, client, []byte("x"))...), 1000)
		return err
	}
	for range maxUpdates {
		if err := update(); err != nil {
			t.Fatal(err)
		}
	}
	for range updateEvery {
		wantSame(t, "data", client, server, []byte("x"), 100)
	}
	if err := update(); err != nil {
		t.Errorf("got %v for one that is free again", err)
	}
	if err := update(); !errors.Is(err, unexpectedMessage.fault()) {
		t.Errorf("got %v for one too many, want %v", err, unexpectedMessage)
	}
}

// The keys that seal are changed before they have served too long; those at the
// end of their numbers are not used.
func TestNumbers(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite uint16) {
		client, server := newPair(t, suite)
		client.out.number, server.in.number = maxNumber-1, maxNumber-1
		secret := client.out.secret
		wantSame(t, "across the change", client, server, make([]byte, 3*MaxData), 1000)
		if client.out.secret == secret || client.out.number != 2 {
			t.Errorf("got number %d, want 2 of new keys", client.out.number)
		}
		client, server = newPair(t, suite)
		client.out.number, server.in.number = math.MaxUint64-1, math.MaxUint64-1
		last, err := client.out.seal(nil, dataRecord, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if p, err := opened(server, last); err != nil || string(p) != "x" {
			t.Fatalf("the last number: got %q, %v", p, err)
		}
		for range 2 {
			if p, err := client.Seal(nil, []byte("y")); !errors.Is(err, ErrSpent) || len(p) > 0 {
				t.Errorf("got %x, %v for another, want %v", p, err, ErrSpent)
			}
			if _, err := opened(server, last); !errors.Is(err, ErrSpent) {
				t.Errorf("got %v for reading another, want %v", err, ErrSpent)
			}
		}
	})
}

// In the long run nothing is allocated.
func TestNoAllocations(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite uint16) {
		client, server := newPair(t, suite)
		plain, sealed, buffer := make([]byte, 1000), make([]byte, 0, 1<<12), make([]byte, OpenRoom)
		var err error
		n := testing.AllocsPerRun(1000, func() {
			if sealed, err = client.Seal(sealed[:0], plain); err != nil {
				t.Fatal(err)
			}
			server.Feed(sealed)
			if _, err = server.Open(buffer); err != nil {
				t.Fatal(err)
			}
			if _, err = server.Open(buffer); !errors.Is(err, ErrShort) {
				t.Fatal(err)
			}
			server.Keep()
		})
		if n != 0 {
			t.Errorf("got %v allocations for a record, want none", n)
		}
	})
}

// A session without its ciphers goes on as before.
func TestCool(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite uint16) {
		client, server := newPair(t, suite)
		for range 3 {
			wantSame(t, "warm", client, server, []byte("x"), 100)
			wantSame(t, "back", server, client, []byte("y"), 100)
			if !client.Warm() || !server.Warm() {
				t.Fatal("got no ciphers after use")
			}
			client.Cool()
			server.Cool()
			if client.Warm() {
				t.Fatal("got ciphers after Cool")
			}
		}
	})
}
