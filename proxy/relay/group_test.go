package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// newTestGroup starts loops that end with the test.
func newTestGroup(t *testing.T) *Group {
	t.Helper()
	g, err := NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer g.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := g.Shutdown(ctx, goingAway); err != nil {
			t.Errorf("got %v from Shutdown", err)
		}
	})
	return g
}

// crowd is many sessions of a group, with both ends of each.
type crowd struct {
	t        *testing.T
	group    *Group
	registry *session.Registry
	ends     atomic.Int64
	releases atomic.Int64
	wrong    atomic.Pointer[string]
	c, u     []*net.UnixConn
}

func newCrowd(t *testing.T, sessions int, cause string) *crowd {
	t.Helper()
	r := &crowd{t: t, group: newTestGroup(t)}
	r.registry = session.NewRegistry(func(_ *session.Session, e session.End) {
		if got := e.Cause.String(); got != cause {
			r.wrong.Store(&got)
		}
		r.ends.Add(1)
	})
	for range sessions {
		cl, c := socketpair(t)
		ul, u := socketpair(t)
		soon := time.Now().Add(30 * time.Second)
		c.SetDeadline(soon)
		u.SetDeadline(soon)
		r.group.Adopt(r.registry.Open(session.Info{}), Leg{Conn: cl}, Leg{Conn: ul}, &Options{}, func() { r.releases.Add(1) })
		r.c, r.u = append(r.c, c), append(r.u, u)
	}
	return r
}

// each calls f for every session, from a few goroutines.
func (r *crowd) each(f func(i int, c, u net.Conn) error) {
	r.t.Helper()
	const workers = 8
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(r.c); i += workers {
				if err := f(i, r.c[i], r.u[i]); err != nil {
					r.t.Errorf("session %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// wantOver fails unless every session has ended and was released once.
func (r *crowd) wantOver() {
	r.t.Helper()
	n := int64(len(r.c))
	if ends, releases := r.ends.Load(), r.releases.Load(); ends != n || releases != n {
		r.t.Errorf("got %d ends and %d releases, want %d of each", ends, releases, n)
	}
	if s := r.registry.Stats(); s.Open != 0 || s.Duplicates != 0 {
		r.t.Errorf("got %+v of the registry, want none open, none ended twice", s)
	}
	if wrong := r.wrong.Load(); wrong != nil {
		r.t.Errorf("got a session ended by %s", *wrong)
	}
}

func wantRead(c net.Conn, want []byte) error {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("got %.40x, want %.40x", got, want)
	}
	return nil
}

func TestGroupEchoAndShutdown(t *testing.T) {
	r := newCrowd(t, 1000, "usher.shutdown") // 2,000 sockets
	for round := range 3 {
		r.each(func(i int, c, u net.Conn) error {
			key := [4]byte{byte(i), byte(i >> 8), byte(round), 1}
			payload := bytes.Repeat([]byte{byte(i), byte(round)}, 1+i%700)
			there := ws.AppendFrame(nil, ws.Binary, payload, &key)
			back := ws.AppendFrame(nil, ws.Binary, payload, nil)
			if _, err := c.Write(there); err != nil {
				return err
			}
			if err := wantRead(u, there); err != nil {
				return err
			}
			if _, err := u.Write(back); err != nil {
				return err
			}
			return wantRead(c, back)
		})
	}
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		done <- r.group.Shutdown(ctx, goingAway)
	}()
	farewell := ws.AppendClose(nil, ws.CodeGoingAway, "usher is shutting down")
	r.each(func(_ int, c, u net.Conn) error {
		if err := wantRead(c, ws.AppendFrame(nil, ws.Close, farewell, nil)); err != nil {
			return fmt.Errorf("client: %w", err)
		}
		got := make([]byte, 6+len(farewell))
		if _, err := io.ReadFull(u, got); err != nil {
			return fmt.Errorf("upstream: %w", err)
		}
		if key := [4]byte(got[2:]); !bytes.Equal(got, ws.AppendFrame(nil, ws.Close, farewell, &key)) {
			return fmt.Errorf("upstream: got %x, want a Close frame", got)
		}
		if _, err := c.Write(ws.AppendFrame(nil, ws.Close, farewell[:2], &[4]byte{1})); err != nil {
			return err
		}
		if _, err := u.Write(ws.AppendFrame(nil, ws.Close, farewell[:2], nil)); err != nil {
			return err
		}
		if err := u.(*net.UnixConn).CloseWrite(); err != nil { // the server's to do first
			return err
		}
		for _, c := range []net.Conn{c, u} {
			if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				return fmt.Errorf("got %d bytes and %w, want the end", n, err)
			}
		}
		return nil
	})
	if err := <-done; err != nil {
		t.Errorf("got %v from Shutdown, want all closed in time", err)
	}
	r.wantOver()
	// Adopted after the end: sent away, and ended once.
	r.group.Close()
	cl, c := socketpair(t)
	ul, _ := socketpair(t)
	ends := make(chan session.End, 1)
	late := session.NewRegistry(func(_ *session.Session, e session.End) { ends <- e })
	released := false
	r.group.Adopt(late.Open(session.Info{}), Leg{Conn: cl}, Leg{Conn: ul}, &Options{}, func() { released = true })
	if e := <-ends; !errors.Is(e.Err, ErrClosed) || !released {
		t.Errorf("got end %v (%v), released %t, want %v and true", e.Cause, e.Err, released, ErrClosed)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("got %d, %v, want the late client closed", n, err)
	}
}

// A session that comes when all are over is told, as the loops go on.
func TestGroupTellsWhoComesLate(t *testing.T) {
	r := newCrowd(t, 0, "")
	if err := r.group.Shutdown(t.Context(), goingAway); err != nil {
		t.Errorf("got %v from Shutdown, want all over", err)
	}
	ends := make(chan session.End, 1)
	late := session.NewRegistry(func(_ *session.Session, e session.End) { ends <- e })
	cl, c := socketpair(t)
	ul, _ := socketpair(t)
	r.group.Adopt(late.Open(session.Info{}), Leg{Conn: cl}, Leg{Conn: ul}, &Options{}, func() {})
	farewell := ws.AppendClose(nil, ws.CodeGoingAway, "usher is shutting down")
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if err := wantRead(c, ws.AppendFrame(nil, ws.Close, farewell, nil)); err != nil {
		t.Error(err)
	}
	r.group.Close()
	if e := <-ends; e.Cause.String() != "usher.shutdown" {
		t.Errorf("got end %v, want usher.shutdown", e.Cause)
	}
}

// Close cuts what is left of the sessions.
func TestGroupCloseCuts(t *testing.T) {
	r := newCrowd(t, 10, "usher.shutdown")
	r.group.Close()
	r.wantOver()
}

// Peers that never answer are cut when the context ends, and Shutdown says so.
func TestGroupShutdownCuts(t *testing.T) {
	r := newCrowd(t, 10, "usher.shutdown")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.group.Shutdown(ctx, goingAway); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v from Shutdown, want %v", err, context.Canceled)
	}
	r.wantOver()
}
