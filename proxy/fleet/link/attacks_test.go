package link

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/proxy/waittest"
)

// Who has another secret never comes to a handler, and nobody asks him.
func TestStrangerAsksNothing(t *testing.T) {
	b := newTestLink(t, "b", func(http.ResponseWriter, *http.Request) { t.Error("got a request of a stranger") }, keyOne)
	a := newTestLink(t, "a", func(http.ResponseWriter, *http.Request) { t.Error("got a request of a stranger") }, keyOther)
	a.knows(b.Addr())
	b.knows(a.Addr())
	a.wantGone(t, "b", 5*time.Second, "")
	b.wantGone(t, "a", 5*time.Second, "")
	for _, l := range []*Link{a, b} {
		if p := l.Peers()[0]; p.Up || p.Err == nil {
			t.Errorf("%s: got %+v, want nobody there", l.ID(), p)
		}
	}
}

// Who says nothing, or half a hello, is dropped, and keeps nobody away; who comes
// in numbers, neither.
func TestSlowStrangers(t *testing.T) {
	b := newTestLink(t, "b", nil, keyOne)
	var strangers []net.Conn
	for i := range 2 * maxGreeting {
		c, err := net.Dial("tcp", b.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 {
			c.Write([]byte{22, 3, 1, 2, 0, 1, 0})
		}
		strangers = append(strangers, c)
	}
	began := time.Now()
	for _, c := range strangers {
		c.SetReadDeadline(time.Now().Add(waittest.Patience))
		io.Copy(io.Discard, c) // until it is dropped
	}
	if took := time.Since(began); took > 3*patience {
		t.Errorf("got the last one dropped after %v, want some %v", took, patience)
	}
	a := newTestLink(t, "a", nil, keyOne)
	a.knows(b.Addr())
	a.wantAnswer(t, "b", "b hears a")
}

// Strangers who come again whenever they are dropped keep no node away.
func TestStrangersWhoStay(t *testing.T) {
	b := newTestLink(t, "b", nil, keyOne)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for range maxGreeting + 10 {
		all.Go(func() {
			for ctx.Err() == nil {
				if c, err := net.Dial("tcp", b.Addr().String()); err == nil {
					stop := context.AfterFunc(ctx, func() { c.Close() })
					io.Copy(io.Discard, c) // until it is dropped
					stop()
					c.Close()
				}
			}
		})
	}
	waittest.Equal(t, "connections that prove nothing", maxGreeting, func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.greeting)
	})
	a := newTestLink(t, "a", nil, keyOne)
	a.knows(b.Addr())
	a.wantUp(t, 1)
}

// Two nodes of one id see that, and each other once that is mended.
func TestTwins(t *testing.T) {
	b := newTestLink(t, "a", nil, keyOne)
	a := newTestLink(t, "a", nil, keyOne)
	a.knows(b.Addr(), a.Addr())
	waittest.Until(t, "a sees that another has its id", func() bool {
		all := a.Peers()
		return len(all) == 1 && errors.Is(all[0].Err, errTwin) && !all[0].Up
	})
	b.Stop(t.Context())
	c := newTestLinkAt(t, relisten(t, b.Addr().String()), "c", nil, keyOne)
	a.wantUp(t, 1)
	a.wantAnswer(t, "c", c.ID()+" hears a")
}

// A node that hangs is found within a time, by who waits for an answer, who asks
// next, and who has a stream; and one that hangs from the start.
func TestNodeThatHangs(t *testing.T) {
	b, _ := newEchoes(t)
	w := newWire(t, b.Addr())
	a := newTestLink(t, "a", nil, keyOne)
	a.SetNodes([]Node{{ID: "b", Address: w.Addr().String()}})
	c, _ := open(t, a, "/x")
	defer c.Close()
	w.cutOff()
	began := time.Now()
	a.wantGone(t, "b", patience+2*time.Second, "")
	if _, err := c.Read(make([]byte, 1)); err == nil || time.Since(began) > patience+2*time.Second {
		t.Errorf("stream: got %v after %v, want its end", err, time.Since(began))
	}
	a.wantGone(t, "b", patience+2*time.Second, "") // TLS is not answered either
	waittest.Equal(t, "connections of a", 0, func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.inside["a"])
	})
}

// A node that asks more than may be waits, and one that sends what nobody reads
// stops: others go on.
func TestNodeThatFloods(t *testing.T) {
	hold := make(chan struct{})
	b := newTestLink(t, "b", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			<-hold
			return
		}
		io.WriteString(w, "here")
	}, keyOne)
	defer close(hold)
	a := newTestLink(t, "a", nil, keyOne)
	a.knows(b.Addr())
	a.wantAnswer(t, "b", "here")
	sent := make(chan int64, 1)
	body, post := io.Pipe()
	go func() {
		n, _ := io.Copy(post, io.LimitReader(zeros{}, 64<<20))
		sent <- n
	}()
	go func() {
		if res, err := a.RoundTrip("b", request(t.Context(), "POST", body)); err == nil {
			res.Body.Close()
		}
	}()
	for range 100 {
		a.wantAnswer(t, "b", "here")
	}
	select {
	case n := <-sent:
		t.Errorf("got %d bytes taken of a body that nobody reads", n)
	default:
	}
	body.CloseWithError(io.ErrUnexpectedEOF)
	if n := <-sent; n > 8<<20 {
		t.Errorf("got %d bytes taken, want a window", n)
	}

	// Connections beyond those that a node needs end the oldest.
	for range 3 * maxEach {
		one := newTestLink(t, "a", nil, keyOne)
		one.knows(b.Addr())
		one.wantUp(t, 1)
	}
	b.mu.Lock()
	n := len(b.inside["a"])
	b.mu.Unlock()
	if n > maxEach {
		t.Errorf("got %d connections of one node, want %d at most", n, maxEach)
	}
	other := newTestLink(t, "c", nil, keyOne)
	other.knows(b.Addr())
	other.wantAnswer(t, "b", "here")

	// A head that is too long.
	r := request(t.Context(), "GET", nil)
	r.Header["X"] = []string{strings.Repeat("x", 2*maxHead)}
	if res, err := other.RoundTrip("b", r); err == nil {
		if res.Body.Close(); res.StatusCode == http.StatusOK {
			t.Errorf("head of %d bytes: got %d, want it refused", 2*maxHead, res.StatusCode)
		}
	}
}

// Streams that nobody reads stop no others, at either end, and have little of
// them kept.
func TestStreamsThatNobodyReads(t *testing.T) {
	var told, taken atomic.Int64
	b := newTestLink(t, "b", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "PUT" {
			io.Copy(w, r.Body)
			return
		}
		w.WriteHeader(http.StatusOK)
		for b := make([]byte, 16<<10); ; told.Add(int64(len(b))) {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	}, keyOne)
	a := newTestLink(t, "a", nil, keyOne)
	a.knows(b.Addr())
	const n = 80
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range n {
		res, err := a.RoundTrip("b", request(ctx, "POST", io.NopCloser(counted{&taken})))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
	}
	waittest.Until(t, "windows are full", func() bool { return told.Load() >= n*streamWindow && taken.Load() >= n*streamWindow })
	echoed, stop := context.WithTimeout(t.Context(), waittest.Patience)
	defer stop()
	for range 100 {
		body := io.NopCloser(strings.NewReader(strings.Repeat("x", 1<<10)))
		res, err := a.RoundTrip("b", request(echoed, "PUT", body))
		if err != nil {
			t.Fatalf("beside streams that nobody reads: got %v", err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatalf("beside streams that nobody reads: got %v", err)
		}
		res.Body.Close()
	}
	if got := told.Load(); got > 4*n*streamWindow {
		t.Errorf("got %d bytes told to who reads nothing, want some %d", got, n*streamWindow)
	}
}

// counted is zeros whose number is known.
type counted struct{ n *atomic.Int64 }

func (c counted) Read(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
