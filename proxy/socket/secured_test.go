package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func newSecured(t *testing.T) (c *Secured, w watched) {
	t.Helper()
	server, cl := testTLS(t)
	server.DynamicRecordSizingDisabled, cl.DynamicRecordSizingDisabled = true, true
	w = newWatched(t, false, server, cl)
	return w.secured(t), w
}

// Both directions may be busy at once.
func TestSecuredBothWays(t *testing.T) {
	c, w := newSecured(t)
	const size = 4 << 20
	done := make(chan error, 3)
	write := func(c net.Conn) { _, err := c.Write(make([]byte, size)); done <- err }
	read := func(c net.Conn) { _, err := io.ReadFull(c, make([]byte, size)); done <- err }
	go write(c)
	go write(w.theirs)
	go read(w.theirs)
	if _, err := io.ReadFull(c, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// A read that was given up in the midst of a record may be made again.
func TestSecuredDeadline(t *testing.T) {
	c, w := newSecured(t)
	c.SetReadDeadline(time.Unix(1, 0))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want the deadline to hold", err)
	}
	w.theirs.Write([]byte("hello"))
	got, early := make([]byte, 5), 0
	for range 3 {
		c.SetReadDeadline(time.Unix(1, 0))
		n, _ := c.Read(got[early : early+1]) // what is there may come all the same
		early += n
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadFull(c, got[early:]); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
	if n, err := c.Read(nil); n != 0 || err != nil {
		t.Errorf("got %d, %v for a read of nothing", n, err)
	}
}

// After CloseWrite the peer may still send; after Close nothing goes on.
func TestSecuredEnd(t *testing.T) {
	c, w := newSecured(t)
	if err := errors.Join(c.CloseWrite(), c.CloseWrite()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v at the peer, want %v", err, io.EOF)
	}
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("got a write behind the end")
	}
	w.theirs.Write([]byte("still"))
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	w.theirs.CloseWrite()
	for range 2 {
		if _, err := c.Read(got); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want %v", err, io.EOF)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v for a write, want %v", err, net.ErrClosed)
	}
	if err := c.Close(); err == nil {
		t.Error("got it closed twice")
	}
}

// Close ends a read and a write that wait.
func TestSecuredCloseEndsAll(t *testing.T) {
	c, _ := newSecured(t)
	ended := make(chan error, 2)
	go func() { _, err := c.Read(make([]byte, 1)); ended <- err }()
	go func() {
		for {
			if _, err := c.Write(make([]byte, 1<<20)); err != nil {
				ended <- err
				return
			}
		}
	}()
	for c.writing.TryLock() { // until the write has begun
		c.writing.Unlock()
	}
	c.Close()
	for range 2 {
		if err := <-ended; err == nil {
			t.Error("got no error of a connection that is closed")
		}
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("got something read of a connection that is closed")
	}
}

// An end in the midst of a record is none.
func TestSecuredTruncated(t *testing.T) {
	c, w := newSecured(t)
	below := w.theirs.NetConn()
	below.Write([]byte{23, 3, 3, 0, 100, 1, 2, 3})
	below.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

// What is wrong the peer is told, and nothing is read or written any more.
func TestSecuredFault(t *testing.T) {
	c, w := newSecured(t)
	w.theirs.NetConn().Write(append([]byte{23, 3, 3, 0, 20}, make([]byte, 20)...))
	for range 2 {
		if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
			t.Errorf("got %v, want what is wrong", err)
		}
	}
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("got a write behind an alert")
	}
	if _, err := w.theirs.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
		t.Errorf("got %v at the peer, want the alert", err)
	}
}

// Where a write has failed half a record may be under way: nothing follows it.
func TestSecuredBrokenWrite(t *testing.T) {
	c, _ := newSecured(t)
	c.SetWriteDeadline(time.Unix(1, 0))
	if _, err := c.Write([]byte("x")); err == nil {
		t.Fatal("got a write behind its deadline")
	}
	c.SetWriteDeadline(time.Time{})
	if n, err := c.Write([]byte("x")); n != 0 || err == nil {
		t.Errorf("got %d, %v for another", n, err)
	}
	if err := c.CloseWrite(); err == nil {
		t.Error("got an end said behind it")
	}
}

// Of what is released nothing is lost.
func TestSecuredRelease(t *testing.T) {
	c, w := newSecured(t)
	w.theirs.Write([]byte("one two"))
	w.theirs.Write([]byte(" three"))
	got := make([]byte, 3)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	below, session, plain := c.Release()
	next := NewSecured(below, session)
	rest := make([]byte, len(" two three")-len(plain))
	if _, err := io.ReadFull(next, rest); err != nil || string(plain)+string(rest) != " two three" {
		t.Errorf("got %q and %q, %v", plain, rest, err)
	}
	wantBoth(t, next, w.theirs)
}
