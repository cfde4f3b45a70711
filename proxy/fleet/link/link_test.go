package link

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/proxy/waittest"
)

// Two nodes ask each other, and the third, who is learned from its certificate.
func TestNodesAskEachOther(t *testing.T) {
	a, b, c := newTestLink(t, "a", nil, keyOne), newTestLink(t, "b", nil, keyOne), newTestLink(t, "c", nil, keyOne)
	for _, l := range []*Link{a, b, c} {
		l.knows(a.Addr(), b.Addr(), c.Addr()) // the same file for all: each is among them
	}
	a.wantAnswer(t, "b", "b hears a")
	b.wantAnswer(t, "a", "a hears b")
	c.wantAnswer(t, "a", "a hears c")
	for _, l := range []*Link{a, b, c} {
		l.wantUp(t, 2)
		waittest.Equal(t, "others of "+l.ID(), 2, func() int { return len(l.Peers()) })
	}
	a.wantGone(t, "d", time.Second, "nobody is known as d")
	a.wantGone(t, "a", time.Second, "")
}

// A node that begins is found by who has looked for it in vain, as soon as it
// speaks: not after the pause of who has.
func TestNodeThatBeginsLater(t *testing.T) {
	a, later := newTestLink(t, "a", nil, keyOne), listen(t)
	address := later.Addr()
	later.Close()
	a.knows(address)
	waittest.Equal(t, "nodes that were tried", true, func() bool { return a.Peers()[0].Err != nil })
	a.wantGone(t, "b", time.Second, "nobody is known as b")
	b, err := New(Config{ID: "b", Listener: relisten(t, address.String()), Keys: [][]byte{keyOne}, Handler: a.config.Handler, Log: a.config.Log, ErrorLog: a.config.ErrorLog, ConnContext: a.config.ConnContext})
	if err != nil {
		t.Fatal(err)
	}
	b.Start()
	t.Cleanup(func() { b.Stop(t.Context()) })
	b.knows(a.Addr())
	a.wantUp(t, 1)
	if _, err := a.ask(t.Context(), "b"); err != nil {
		t.Errorf("got %v, want the node that is new at its address", err)
	}
}

// What a node does not name any more is not asked, and what it names anew is.
func TestSetNodes(t *testing.T) {
	a, b, c := newTestLink(t, "a", nil, keyOne), newTestLink(t, "b", nil, keyOne), newTestLink(t, "c", nil, keyOne)
	a.SetNodes([]Node{{ID: "b", Address: b.Addr().String()}})
	a.wantAnswer(t, "b", "b hears a")
	a.SetNodes([]Node{{ID: "c", Address: c.Addr().String()}})
	a.wantAnswer(t, "c", "c hears a")
	a.wantGone(t, "b", time.Second, "nobody is known as b")
	a.SetNodes([]Node{{ID: "c", Address: b.Addr().String()}})
	a.wantGone(t, "c", time.Second, "node b is at")
}

// newWaiters returns a node that answers each line of a body, and then waits until
// nobody waits for it.
func newWaiters(t *testing.T) (l *Link, ended <-chan struct{}) {
	t.Helper()
	all := make(chan struct{}, 10)
	return newTestLink(t, "b", func(w http.ResponseWriter, r *http.Request) {
		line := make([]byte, 5)
		for r.ContentLength != 0 {
			if _, err := io.ReadFull(r.Body, line); err != nil {
				break
			}
			w.Write([]byte(strings.ToUpper(string(line))))
			http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
		all <- struct{}{}
	}, keyOne), all
}

// Bodies and answers pass as they come, and who does not wait any more is not
// served any more.
func TestRequestsAreStreamed(t *testing.T) {
	b, ended := newWaiters(t)
	a := newTestLink(t, "a", nil, keyOne)
	a.knows(b.Addr())
	body, post := io.Pipe()
	go io.WriteString(post, "first")
	res, err := a.RoundTrip("b", request(t.Context(), "POST", body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	line := make([]byte, 5)
	for _, want := range []string{"FIRST", "AGAIN"} {
		if _, err := io.ReadFull(res.Body, line); err != nil || string(line) != want {
			t.Fatalf("got %q, %v, want %q", line, err, want)
		}
		if want == "FIRST" {
			io.WriteString(post, "again")
		}
	}
	post.CloseWithError(io.ErrUnexpectedEOF) // the client is gone
	wantOver(t, "a body that broke off", ended)

	ctx, cancel := context.WithCancel(t.Context())
	outcome := make(chan error, 1)
	go func() { _, err := a.ask(ctx, "b"); outcome <- err }()
	cancel()
	if err := <-outcome; !errors.Is(err, context.Canceled) || errors.Is(err, ErrGone) {
		t.Errorf("got %v, want the end of who asks", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	body, post = io.Pipe()
	go func() { io.WriteString(post, "first"); post.Close() }()
	if res, err = a.RoundTrip("b", request(ctx, "POST", body)); err == nil {
		defer res.Body.Close()
	}
	cancel()
	wantOver(t, "a client that is gone", ended)
}

func wantOver(t *testing.T, why string, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(waittest.Patience):
		t.Errorf("%s: got the request served on", why)
	}
}

// Who is asked to go on by another connection does: what is under way is answered.
func TestLeave(t *testing.T) {
	begun, go_ := make(chan struct{}), make(chan struct{})
	b := newTestLink(t, "b", func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-go_
		io.WriteString(w, "late")
	}, keyOne)
	a := newTestLink(t, "a", nil, keyOne)
	a.knows(b.Addr())
	answer := make(chan string, 1)
	go func() {
		text, err := a.ask(t.Context(), "b")
		answer <- text + " " + errText(err)
	}()
	<-begun
	b.config.Listener.Close()
	left := make(chan struct{})
	go func() { b.Leave(t.Context()); close(left) }()
	waittest.Equal(t, "nodes that may be asked", false, func() bool { return a.Peers()[0].Up && usable(a.all()[0].conn) })
	a.wantGone(t, "b", time.Second, "connection refused")
	close(go_)
	if got := <-answer; got != "late " {
		t.Errorf("got %q, want the answer to what was under way", got)
	}
	<-left
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestWhatIsMissing(t *testing.T) {
	for _, c := range []Config{{ID: "a b", Keys: [][]byte{keyOne}}, {ID: "", Keys: [][]byte{keyOne}}, {ID: "a"}, {ID: "a", Keys: [][]byte{{1}}}} {
		if _, err := New(c); err == nil || errors.Is(err, ErrGone) {
			t.Errorf("%+v: got %v, want an error", c, err)
		}
	}
}

// A node that is lost is told of once, and once that it is back.
func TestLossIsLogged(t *testing.T) {
	b := newTestLink(t, "b", nil, keyOne)
	log := &lines{}
	a, err := New(Config{
		ID: "a", Listener: listen(t), Keys: [][]byte{keyOne}, Nodes: []Node{{Address: b.Addr().String()}},
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	defer a.Stop(t.Context())
	a.wantUp(t, 1)
	b.Stop(t.Context())
	waittest.Equal(t, "warnings", 1, func() int { return log.count("level=WARN") })
	for range 3 {
		a.wantGone(t, "b", patience, "")
	}
	again := newTestLinkAt(t, relisten(t, b.Addr().String()), "b", nil, keyOne)
	a.wantUp(t, 1)
	a.wantAnswer(t, again.ID(), "b hears a")
	waittest.Equal(t, "lines that it is there", 2, func() int { return log.count("node of the fleet is there") })
	if got := log.count("level=WARN"); got != 1 {
		t.Errorf("got %d warnings, want one for each loss", got)
	}
}
