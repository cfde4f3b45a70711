package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// What a Detachable promises crypto/tls, and what crypto/tls makes of it.
func TestDetachedReadsNothingNow(t *testing.T) {
	ours, _ := newTestPair(t, "127.0.0.1:0")
	c := NewDetachable(ours)
	c.Detach()
	var buf [4]byte
	_, err := c.Read(buf[:])
	var ne net.Error
	if !errors.As(err, &ne) || !ne.Temporary() || !ne.Timeout() { //nolint:staticcheck // Temporary is what crypto/tls asks
		t.Errorf("got %v, want a temporary net.Error", err)
	}
	c.Feed([]byte("hello"), io.EOF)
	if n, err := c.Read(buf[:]); n != 4 || err != nil {
		t.Errorf("got %d, %v, want 4 bytes", n, err)
	}
	if n, err := c.Read(buf[:]); n != 1 || err != nil {
		t.Errorf("got %d, %v, want the last byte", n, err)
	}
	if n, err := c.Read(buf[:]); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("got %d, %v, want the end", n, err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v for a write that nobody takes, want %v", err, io.ErrClosedPipe)
	}
	if err := errors.Join(c.Close(), c.SetDeadline(time.Unix(1, 0)), c.SetReadDeadline(time.Unix(1, 0)), c.SetWriteDeadline(time.Unix(1, 0))); err != nil {
		t.Errorf("got %v from a detached connection, want nothing done", err)
	}
	if _, err := ours.Write([]byte("x")); err != nil {
		t.Errorf("got %v, want the socket left alone", err)
	}
}

// Before it is detached it is what it wraps.
func TestDetachableBefore(t *testing.T) {
	ours, theirs := newTestPair(t, "127.0.0.1:0")
	c := NewDetachable(ours)
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{c.SetDeadline(time.Unix(1, 0)), c.SetReadDeadline(time.Unix(1, 0)), c.SetWriteDeadline(time.Unix(1, 0))} {
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want the deadline to hold", err)
	}
	c.Close()
	if _, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the connection closed", err)
	}
}

// What was fed and not taken is read before what follows, whoever fed it.
func TestAttach(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := NewDetachable(ours)
	inner := c.Detach()
	fed := []byte("fed")
	c.Feed(fed, nil)
	c.Attach(inner)
	copy(fed, "xxx")
	go theirs.Write([]byte("sent"))
	got := make([]byte, 7)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "fedsent" {
		t.Errorf("got %q, %v, want what was fed and then what was sent", got, err)
	}
	go c.Write([]byte("back"))
	if _, err := io.ReadFull(theirs, got[:4]); err != nil || string(got[:4]) != "back" {
		t.Errorf("got %q, %v, want what was written", got[:4], err)
	}
	if c.Close(); c.Detach() == nil {
		t.Error("got no connection from one that was attached")
	}
}
