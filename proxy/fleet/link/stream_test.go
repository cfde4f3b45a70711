package link

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"usher/proxy/waittest"
)

// taker is how package http2 gives a stream.
type taker interface {
	http.ResponseWriter
	Take(time.Duration) (net.Conn, error)
}

// newEchoes returns a node that echoes what comes by WebSocket, and tells when one
// has ended.
func newEchoes(t *testing.T) (l *Link, ended <-chan error) {
	t.Helper()
	all := make(chan error, 10)
	return newTestLink(t, "b", func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI == "/no?y" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		c, err := w.(taker).Take(time.Second)
		if err != nil {
			t.Error(err)
			return
		}
		w.Header()["Sec-Websocket-Protocol"] = []string{"p"}
		w.WriteHeader(http.StatusOK)
		go func() {
			defer c.Close()
			_, err := io.Copy(c, io.LimitReader(c, 1<<20))
			all <- err
		}()
	}, keyOne), all
}

func open(t *testing.T, l *Link, path string) (net.Conn, *http.Response) {
	t.Helper()
	r := request(t.Context(), "GET", nil)
	r.URL.Opaque = path
	c, res, err := l.Open("b", r)
	if err != nil {
		t.Fatal(err)
	}
	return c, res
}

func TestStream(t *testing.T) {
	b, ended := newEchoes(t)
	a := newTestLink(t, "a", nil, keyOne)
	a.knows(b.Addr())

	c, res := open(t, a, "/x")
	if got := res.Header.Get("Sec-Websocket-Protocol"); got != "p" {
		t.Errorf("got protocol %q, want the other node's", got)
	}
	sent := make([]byte, 300<<10) // more than a window
	go c.Write(sent)
	if n, err := io.ReadFull(c, make([]byte, len(sent))); err != nil {
		t.Fatalf("got %d bytes, %v", n, err)
	}
	c.Close()
	wantEnd(t, ended)

	if _, res := open(t, a, "/no"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("got %d, want the other node's no", res.StatusCode)
	} else if text, err := io.ReadAll(res.Body); string(text) != "no\n" || err != nil {
		t.Errorf("got %q, %v, want what it says", text, err)
	}

	// The other node ends it: what it has said before comes.
	c, _ = open(t, a, "/x")
	go c.Write(make([]byte, 1<<20))
	if text, err := io.ReadAll(c); len(text) != 1<<20 || err != nil {
		t.Errorf("got %d bytes, %v, want all and the end", len(text), err)
	}
	c.Close()
	wantEnd(t, ended)

	// The client is gone before there is an answer.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if c, _, err := a.Open("b", request(gone, "GET", nil)); err == nil {
		c.Close()
		t.Error("got a stream for who is gone")
	}

	// The link stops, and with it all that goes by it.
	c, _ = open(t, a, "/x")
	defer c.Close()
	a.Stop(t.Context())
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("got a stream without a link")
	}
}

func wantEnd(t *testing.T, ended <-chan error) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(waittest.Patience):
		t.Error("got a stream open at the other node, want it ended")
	}
}
