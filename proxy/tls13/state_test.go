package tls13

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// moved returns the session that goes on elsewhere, through JSON, and checks
// that the old one does nothing any more.
func moved(t *testing.T, s *Session) *Session {
	t.Helper()
	st, err := s.State()
	if err != nil {
		t.Fatal(err)
	}
	wantStill(t, s)
	text, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	var back State
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	next, err := Restore(back)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// wantStill fails if s seals or opens anything.
func wantStill(t *testing.T, s *Session) {
	t.Helper()
	in, out := s.in.number, s.out.number
	if p, err := s.Seal([]byte("before"), []byte("x")); !errors.Is(err, ErrHandedOn) || string(p) != "before" {
		t.Errorf("Seal: got %q, %v, want %v", p, err, ErrHandedOn)
	}
	if p, err := s.End(nil); !errors.Is(err, ErrHandedOn) || len(p) > 0 {
		t.Errorf("End: got %x, %v, want %v", p, err, ErrHandedOn)
	}
	if _, err := s.Open(nil); !errors.Is(err, ErrHandedOn) {
		t.Errorf("Open: got %v, want %v", err, ErrHandedOn)
	}
	for _, owes := range []owed{owesUpdate, owesAlert} {
		s.owes = owes
		if p, err := s.Reply(nil); len(p) > 0 || !errors.Is(err, ErrHandedOn) {
			t.Errorf("Reply: got %x, %v, want %v", p, err, ErrHandedOn)
		}
	}
	if _, err := s.State(); !errors.Is(err, ErrHandedOn) {
		t.Errorf("State: got %v, want %v", err, ErrHandedOn)
	}
	if s.in.number != in || s.out.number != out {
		t.Error("got numbers used after State")
	}
}

// A session goes on elsewhere at every byte of what comes, whatever that is, and
// no number of a key is used twice: the peer opens all, in order.
func TestMoves(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite uint16) {
		for moves := range 90 {
			client, server := newPair(t, suite)
			come := mustSeal(t, client, []byte("one"))
			come = append(come, inner(t, client, handshakeRecord, []byte{keyUpdate, 0}, 0)...)
			come = append(come, inner(t, client, handshakeRecord, []byte{0, 1, 1}, 0)...)
			client.out.update()
			come = append(come, mustSeal(t, client, []byte("two"))...)
			at := min(moves, len(come))
			got, err := take(server, come[:at], 3)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, "before", server, client, []byte("a"), 10)
			server = moved(t, server)
			rest, err := take(server, come[at:], 3)
			if got = append(got, rest...); err != nil || string(got) != "onetwo" {
				t.Fatalf("moved at %d: got %q, %v", at, got, err)
			}
			if !server.Owes() {
				t.Fatalf("moved at %d: got no answer due to a key update", at)
			}
			reply, err := server.Reply(nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := take(client, reply, 10); err != nil {
				t.Fatalf("moved at %d: %v", at, err)
			}
			client = moved(t, client)
			wantSame(t, "behind", server, client, []byte("b"), 10)
			wantSame(t, "back", client, server, []byte("c"), 10)
		}
	})
}

// A session may move before all is opened that has come at once.
func TestMovesWithWholeRecords(t *testing.T) {
	client, server := newPair(t, 0x1301)
	sent := bytes.Repeat([]byte("x"), 4*MaxData)
	server.Feed(mustSeal(t, client, sent))
	got, err := server.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	got = bytes.Clone(got)
	server = moved(t, server)
	for err == nil {
		var b []byte
		b, err = server.Open(nil)
		got = append(got, b...)
	}
	if !errors.Is(err, ErrShort) || !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes, %v, want all %d", len(got), err, len(sent))
	}
}

// What nobody takes goes on where it was, as if nothing had been.
func TestResume(t *testing.T) {
	client, server := newPair(t, 0x1301)
	for range 3 {
		wantSame(t, "before", client, server, []byte("x"), 10)
		if _, err := client.State(); err != nil {
			t.Fatal(err)
		}
		client.Resume()
		wantSame(t, "resumed", client, server, []byte("x"), 10)
		wantSame(t, "back", server, client, []byte("x"), 10)
	}
}

// Both ends that were said stay said.
func TestMovedEnds(t *testing.T) {
	client, server := newPair(t, 0x1301)
	end, err := client.End(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened(server, end); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	server, client = moved(t, server), moved(t, client)
	if _, err := server.Open(nil); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want %v", err, io.EOF)
	}
	if p, err := client.End(nil); err != nil || len(p) > 0 {
		t.Errorf("got %x, %v, want the end not said again", p, err)
	}
	if _, err := client.Seal(nil, []byte("x")); !errors.Is(err, ErrEnded) {
		t.Errorf("got %v, want %v", err, ErrEnded)
	}
	wantSame(t, "the other way", server, client, []byte("x"), 10)
}

func TestRestoreRefuses(t *testing.T) {
	secret := func(n int) Secret { b := make([]byte, n); return Secret{&b} }
	good := func() State {
		return State{Suite: 0x1301, In: Direction{Secret: secret(32)}, Out: Direction{Secret: secret(32)}}
	}
	if _, err := Restore(good()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*State){
		"suite":          func(s *State) { s.Suite = 0x1304 },
		"no secret":      func(s *State) { s.In.Secret = Secret{} },
		"short secret":   func(s *State) { s.Out.Secret = secret(31) },
		"other hash":     func(s *State) { s.Suite = 0x1302 },
		"rest":           func(s *State) { s.Rest = make([]byte, MaxRest+1) },
		"message":        func(s *State) { s.Message = make([]byte, 5) },
		"skip":           func(s *State) { s.Skip = maxMessage + 1 },
		"useless":        func(s *State) { s.Useless = maxUseless + 1 },
		"updates":        func(s *State) { s.Updates = maxUpdates + 1 },
		"nothing at all": func(s *State) { *s = State{} },
	} {
		st := good()
		change(&st)
		if _, err := Restore(st); !errors.Is(err, ErrState) {
			t.Errorf("%s: got %v, want %v", name, err, ErrState)
		}
	}
}

// Nobody who prints anything prints a secret.
func TestSecretsAreNotShown(t *testing.T) {
	client, _ := newPair(t, 0x1301)
	watch := NewWatch(false)
	secret := bytes.Repeat([]byte{1}, 32)
	watch.Write(fmt.Appendf(nil, "CLIENT_TRAFFIC_SECRET_0 00 %x\n", secret))
	var b strings.Builder
	log := slog.New(slog.NewTextHandler(&b, nil))
	show := func(v any, more ...string) {
		for _, verb := range append([]string{"%v", "%+v", "%#v"}, more...) {
			fmt.Fprintf(&b, verb+"\n", v)
		}
		log.Info("session", "of", v)
	}
	all := []string{"%s", "%x", "%d", "%q"}
	show(client, all...)
	show(watch, all...)
	st, err := client.State()
	if err != nil {
		t.Fatal(err)
	}
	show(st, all...)
	show(&st, all...)
	show(st.In, all...)
	show(st.In.Secret, all...)
	show(struct{ a, b any }{st, client})
	show(struct {
		st State
		s  *Session
	}{st, client})
	for _, leak := range []string{"0101", "1 1 1", "1, 1", "0x1, 0x1", "AQEB", `\x01\x01`} {
		if strings.Contains(b.String(), leak) {
			t.Errorf("got %q in %s", leak, b.String())
		}
	}
}

// In the end nothing of the secrets is left.
func TestClear(t *testing.T) {
	client, server := newPair(t, 0x1302)
	wantSame(t, "before", client, server, []byte("x"), 10)
	st, err := server.State()
	if err != nil {
		t.Fatal(err)
	}
	st.Clear()
	client.Clear()
	zero := half{suite: client.in.suite, number: client.in.number}
	if client.in != zero || client.out != zero || !bytes.Equal(*st.In.Secret.bytes, make([]byte, 48)) || !bytes.Equal(*st.Out.Secret.bytes, make([]byte, 48)) {
		t.Error("got secrets left")
	}
	client.Resume()
	if _, err := client.Seal(nil, []byte("x")); !errors.Is(err, ErrSpent) {
		t.Errorf("got %v, want %v", err, ErrSpent)
	}
}
