package link

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log" //nolint:depguard // an http.Server writes by one
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	_ "usher/proxy/h2connect"
	"usher/proxy/waittest"
)

var (
	keyOne   = bytes.Repeat([]byte{1}, 32)
	keyTwo   = bytes.Repeat([]byte{2}, 32)
	keyOther = bytes.Repeat([]byte{3}, 32)
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// newTestLink returns the link of a node that looks for no other until it is told to.
func newTestLink(t *testing.T, id string, handler http.HandlerFunc, keys ...[]byte) *Link {
	t.Helper()
	return newTestLinkAt(t, listen(t), id, handler, keys...)
}

func newTestLinkAt(t *testing.T, at net.Listener, id string, handler http.HandlerFunc, keys ...[]byte) *Link {
	t.Helper()
	if handler == nil {
		handler = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, id+" hears "+From(r)) }
	}
	l, err := New(Config{
		ID: id, Listener: at, Keys: keys, Handler: handler,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), ErrorLog: log.New(t.Output(), "", 0),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context { return ctx },
	})
	if err != nil {
		t.Fatal(err)
	}
	l.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		l.Stop(ctx)
	})
	return l
}

// lines is a log that is looked at.
type lines struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// knows has l know where others are.
func (l *Link) knows(all ...net.Addr) {
	var list []Node
	for _, a := range all {
		list = append(list, Node{Address: a.String()})
	}
	l.SetNodes(list)
}

func request(ctx context.Context, method string, body io.ReadCloser) *http.Request {
	r := &http.Request{Method: method, URL: &url.URL{Scheme: "https", Host: "a.test", Opaque: "/x", RawQuery: "y"}, Header: http.Header{}}
	if body != nil {
		r.Body = body
	}
	return r.WithContext(ctx)
}

// ask returns what the node of that id answers.
func (l *Link) ask(ctx context.Context, id string) (string, error) {
	res, err := l.RoundTrip(id, request(ctx, "GET", nil))
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

func (l *Link) wantAnswer(t *testing.T, id, want string) {
	t.Helper()
	if got, err := l.ask(t.Context(), id); got != want || err != nil {
		t.Errorf("%s asks %s: got %q, %v, want %q", l.ID(), id, got, err, want)
	}
}

// wantGone asks a node that is not there, and must hear so within a time.
func (l *Link) wantGone(t *testing.T, id string, within time.Duration, why string) {
	t.Helper()
	began := time.Now()
	got, err := l.ask(t.Context(), id)
	if took := time.Since(began); err == nil || took > within || !strings.Contains(err.Error(), ErrGone.Error()) || !strings.Contains(err.Error(), why) {
		t.Errorf("%s asks %s: got %q, %v after %v, want it gone within %v because of %q", l.ID(), id, got, err, took, within, why)
	}
}

func (l *Link) wantUp(t *testing.T, n int) {
	t.Helper()
	waittest.Equal(t, "nodes that are up, as "+l.ID()+" sees it", n, func() (up int) {
		for _, p := range l.Peers() {
			if p.Up {
				up++
			}
		}
		return up
	})
}

// wire is a way to a listener that can be cut without a word, or ended.
type wire struct {
	net.Listener
	to net.Addr

	mu    sync.Mutex
	cut   bool // guarded by mu: nothing passes
	conns []net.Conn
}

func newWire(t *testing.T, to net.Addr) *wire {
	w := &wire{Listener: listen(t), to: to}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := w.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to.String())
			if err != nil {
				c.Close()
				continue
			}
			w.mu.Lock()
			w.conns = append(w.conns, c, far)
			w.mu.Unlock()
			all.Go(func() { w.copy(far, c) })
			all.Go(func() { w.copy(c, far) })
		}
	})
	t.Cleanup(func() { w.end(); all.Wait() })
	return w
}

func (w *wire) copy(to, from net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			to.Close()
			return
		}
		w.mu.Lock()
		cut := w.cut
		w.mu.Unlock()
		if !cut {
			to.Write(b[:n])
		}
	}
}

// cutOff has nothing pass any more.
func (w *wire) cutOff() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
}

func (w *wire) end() {
	w.Listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.Close()
	}
}

// relisten listens where somebody has.
func relisten(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// shakeWith has two ends greet each other and say a byte: either may refuse the
// other behind its own handshake.
func shakeWith(client, server *tls.Config) (atClient, atServer error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err, err
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err, err
	}
	defer near.Close()
	far, err := l.Accept()
	if err != nil {
		return err, err
	}
	defer far.Close()
	var both sync.WaitGroup
	end := func(c *tls.Conn, err *error) {
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if *err = c.Handshake(); *err == nil {
			c.Write([]byte{1})
			_, *err = io.ReadFull(c, make([]byte, 1))
		}
		if *err != nil {
			c.Close()
		}
	}
	both.Go(func() { end(tls.Client(near, client), &atClient) })
	both.Go(func() { end(tls.Server(far, server), &atServer) })
	both.Wait()
	return atClient, atServer
}
