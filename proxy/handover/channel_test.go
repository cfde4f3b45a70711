//go:build unix

package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// newTestChannel returns both ends.
func newTestChannel(t *testing.T) (gives, takes *Channel) {
	t.Helper()
	gives, other, err := newChannel()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	fd, err := syscall.Dup(int(other.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if takes, err = openChannel(fd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gives.Close)
	t.Cleanup(takes.Close)
	return gives, takes
}

// noted is a Delivery that says what became of it.
type noted struct {
	committed, dropped atomic.Int64
	descriptors        []int
}

func (n *noted) Commit() { n.committed.Add(1); closeDescriptors(n.descriptors) }
func (n *noted) Drop()   { n.dropped.Add(1); closeDescriptors(n.descriptors) }

func TestChannel(t *testing.T) {
	gives, takes := newTestChannel(t)
	var got []string
	done := make(chan error, 1)
	go func() {
		done <- takes.Take(func(kind string, body []byte, descriptors []int) (Delivery, error) {
			var text string
			if err := json.Unmarshal(body, &text); err != nil {
				return nil, err
			}
			for _, fd := range descriptors {
				f := os.NewFile(uintptr(fd), "")
				f.WriteString(text)
				f.Close()
			}
			got = append(got, kind+" "+text)
			if text == "no" {
				return nil, errors.New("not this")
			}
			return &noted{}, nil
		})
	}()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := gives.Give("a", "one", []int{int(w.Fd()), int(w.Fd())}); err != nil {
		t.Fatal(err)
	}
	if err := gives.Give("b", "no", nil); err == nil || err.Error() != "the new process refused: not this" {
		t.Fatalf("got %v, want it refused", err)
	}
	if err := gives.Give("c", strings.Repeat("x", 10<<10), []int{int(w.Fd())}); err != nil {
		t.Fatalf("behind a refusal: %v", err)
	}
	w.Close()
	if written, err := io.ReadAll(r); err != nil || len(written) != 6+(10<<10) {
		t.Errorf("got %d bytes written to what was given, %v; want %d", len(written), err, 6+(10<<10))
	}
	if err := gives.Give("d", "many", make([]int, MaxDescriptors+1)); err == nil {
		t.Error("got too many descriptors given")
	}
	gives.Close()
	if err := <-done; err != nil {
		t.Errorf("Take: got %v at the end, want nil", err)
	}
	if len(got) != 3 || got[0] != "a one" || got[1] != "b no" {
		t.Errorf("got %.100q", got)
	}
}

// Whatever the time at which the giver waits no longer, what was given is one
// process's and not the other's.
func TestChannelIsExact(t *testing.T) {
	var both, ours, theirs int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				gives, takes := newTestChannel(t)
				gives.patience = time.Millisecond
				d, done := new(noted), make(chan struct{})
				go func() {
					defer close(done)
					takes.Take(func(string, []byte, []int) (Delivery, error) {
						time.Sleep(rand.N(2 * time.Millisecond)) // about as long as the giver waits
						return d, nil
					})
				}()
				err := gives.Give("it", 1, nil)
				gives.Close()
				<-done
				mu.Lock()
				switch committed := d.committed.Load() == 1; {
				case committed && err == nil:
					theirs++
				case !committed && err != nil:
					ours++
				default:
					both++
				}
				mu.Unlock()
				takes.Close()
			}
		})
	}
	all.Wait()
	if both > 0 || ours == 0 || theirs == 0 {
		t.Errorf("got %d that both or neither have, %d ours and %d theirs; want none of the first, and some of each other", both, ours, theirs)
	}
}

// Once something was not taken in time nothing is given any more.
func TestChannelRevoked(t *testing.T) {
	gives, takes := newTestChannel(t)
	gives.patience = 20 * time.Millisecond
	if err := gives.Give("it", strings.Repeat("x", 8<<20), nil); !errors.Is(err, ErrRevoked) {
		t.Fatalf("a full channel: got %v, want it revoked", err)
	}
	if err := gives.Give("it", 1, nil); !errors.Is(err, ErrRevoked) {
		t.Fatalf("behind it: got %v, want it revoked", err)
	}
	gives.Close()
	if err := takes.Take(func(string, []byte, []int) (Delivery, error) {
		t.Error("got half a message")
		return nil, io.EOF
	}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Take: got %v, want an unexpected end", err)
	}
}

// A process that is not what it should be says what it likes.
func TestChannelOfNonsense(t *testing.T) {
	for _, text := range []string{
		"GET / HTTP/1.1\r\n\r\n", "\x00\x00\x00\x02\x00\x00\x00\x00{}", "\x00\x00\x00\x02\x00\x00\x00\x05{}", "\xff\xff\xff\xff\x00\x00\x00\x00",
		"\x00\x00\x00\x20\x00\x00\x00\x00{\"Kind\":\"taken\",\"Given\":7}       ",
	} {
		gives, takes := newTestChannel(t)
		gives.patience = 100 * time.Millisecond
		if _, err := takes.conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := gives.Give("it", 1, nil); err == nil {
			t.Errorf("%q: got it taken", text)
		}
		if err := gives.Give("it", 1, nil); err == nil {
			t.Errorf("%q: got it taken the second time", text)
		}
	}
}

// takeAll is a role: a process that takes what it is given, or not.
func takeAll(in *Inheritance) error {
	c := in.Channel()
	if c == nil {
		return errors.New("no channel")
	}
	var secret string
	in.Secret(&secret)
	fmt.Fprintf(os.Stderr, "secret %s\n", secret)
	in.Ready()
	var d noted
	err := c.Take(func(kind string, _ []byte, descriptors []int) (Delivery, error) {
		if kind == "stop" {
			goesOn := make(chan os.Signal, 1)
			signal.Notify(goesOn, syscall.SIGCONT)
			syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			<-goesOn
		}
		d.descriptors = descriptors
		return &d, nil
	})
	fmt.Fprintf(os.Stderr, "committed %d, dropped %d, %v\n", d.committed.Load(), d.dropped.Load(), err)
	return nil
}

// A new process that is stopped does not serve later what was not taken in time.
func TestChannelToStoppedProcess(t *testing.T) {
	heir, said := startTaker(t, "takes parcels")
	heir.Channel.patience = 200 * time.Millisecond
	if err := heir.Channel.Give("go", 1, []int{1}); err != nil {
		t.Fatalf("got %v, want it taken", err)
	}
	if err := heir.Channel.Give("stop", 1, []int{1}); !errors.Is(err, ErrRevoked) {
		t.Fatalf("got %v, want it revoked", err)
	}
	if err := heir.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := said(); !strings.HasPrefix(got, "secret hush\ncommitted 1, dropped 1, ") {
		t.Errorf("got %q", got)
	}
}

// A new process that has no descriptors left refuses, and can take again what is
// less.
func TestChannelOutOfDescriptors(t *testing.T) {
	heir, said := startTaker(t, "takes few")
	if err := heir.Channel.Give("go", 1, make([]int, 100)); err == nil || !strings.Contains(err.Error(), "too many open files") {
		t.Fatalf("got %v, want it refused for too many open files", err)
	}
	if err := heir.Channel.Give("go", 1, []int{1, 1}); err != nil {
		t.Fatalf("a few: got %v", err)
	}
	heir.Channel.Close()
	if got := said(); !strings.HasSuffix(got, "committed 1, dropped 0, <nil>\n") {
		t.Errorf("got %q", got)
	}
}

// A new process that is killed has what it has said that it has taken.
func TestChannelToKilledProcess(t *testing.T) {
	heir, _ := startTaker(t, "takes parcels")
	if err := heir.Channel.Give("go", 1, nil); err != nil {
		t.Fatal(err)
	}
	heir.Kill()
	if err := heir.Channel.Give("go", 1, nil); err == nil {
		t.Error("got it taken by a process that was killed")
	}
}

// One that reads another format gets nothing, not even the secrets.
func TestChannelOfAnotherFormat(t *testing.T) {
	heir, said := startTaker(t, "reads another format")
	if heir.Channel != nil || heir.Deaf == nil || heir.Deaf.Error() != "it reads format 2.3, this process writes 1.0" {
		t.Errorf("got channel %v, %v; want none, and why", heir.Channel, heir.Deaf)
	}
	if got := said(); got != "no channel\n" {
		t.Errorf("got %q", got)
	}
}

// startTaker starts a process in a role; said waits for its end and returns what
// it has said.
func startTaker(t *testing.T, role string) (heir *Heir, said func() string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	was := os.Stderr
	os.Stderr = w
	heir, err = start(t, t.Context(), role, 0, newTestSockets(t)...)
	os.Stderr = was
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		heir.Kill()
		heir.Wait()
		heir.Channel.Close()
		r.Close()
	})
	return heir, func() string {
		r.SetReadDeadline(time.Now().Add(soon))
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}
