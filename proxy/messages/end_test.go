package messages

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy/config"
	"usher/proxy/session"
	"usher/proxy/ws"
)

// What a peer says in its Close frame reaches the other as it was said. The
// library would make 1000 and a text of its own of no code at all, and refuse
// 1014.
func TestClosePasses(t *testing.T) {
	for _, tt := range []struct{ name, said, answered string }{
		{"no code", "", ""},
		{"no reason", "\x03\xE8", "\x03\xE8"},
		{"reason", "\x03\xE9gone for lunch", "\x03\xE9"},
		{"another answer", "\x0F\xA0please", "\x0F\xA1no"},
		{"bad gateway", "\x03\xF6", "\x03\xF6"},
		{"highest", "\x13\x87" + strings.Repeat("x", 123), "\x13\x87"},
	} {
		for _, side := range []string{"client", "upstream"} {
			bubble(t, tt.name+" from the "+side, func(t *testing.T) {
				r := newSession(t, setup{})
				from, to := r.client, r.upstream
				if side == "upstream" {
					from, to = r.upstream, r.client
				}
				from.send(0x81, "last words")
				from.send(0x88, tt.said)
				to.wantMessage("before the close", ws.Text, "last words")
				to.want("close", show(ws.Close, true, []byte(tt.said)))
				from.wantNothing("there is no answer yet")
				to.send(0x81, "one more")
				from.wantMessage("before the answer", ws.Text, "one more")
				to.send(0x88, tt.answered)
				from.want("answer", show(ws.Close, true, []byte(tt.answered)))
				from.wantEnd("both have closed")
				to.wantEnd("both have closed")
				code, _, _ := ws.ParseClose([]byte(tt.said))
				r.wantEnd(side+".closed", code)
			})
		}
	}
}

// A message that is not complete when its sender closes never was.
func TestCloseInsideMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{})
		r.client.send(0x01, "unfini")
		r.end()
	})
}

func TestCloseNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{})
		r.client.closes(1000, "")
		r.upstream.wantClose("close", 1000, "")
		time.Sleep(closeTimeout - time.Millisecond)
		r.client.wantNothing("there is time yet")
		r.client.wantEnd("no answer came")
		r.wantEnd("client.closed", 1000)
	})
}

// The first to close its connection has the trouble of TIME_WAIT: of the
// client's that is usher, of the upstream's the upstream (RFC 6455, 7.1.1).
func TestServerClosesFirst(t *testing.T) {
	for _, clings := range []bool{false, true} {
		for _, first := range []string{"client", "upstream"} {
			bubble(t, fmt.Sprintf("the %s begins, clings %t", first, clings), func(t *testing.T) {
				r := newSession(t, setup{})
				from, to := r.client, r.upstream
				if first == "upstream" {
					from, to = r.upstream, r.client
				}
				from.closes(1000, "")
				to.wantClose("close", 1000, "")
				to.closes(1000, "")
				from.wantClose("answer", 1000, "")
				r.client.wantEnd("both have closed")
				r.upstream.wantNothing("it is the upstream's to close")
				if clings {
					time.Sleep(partTimeout - time.Millisecond)
					r.upstream.wantNothing("it has time yet")
					time.Sleep(time.Millisecond)
				} else {
					r.upstream.conn.Close()
				}
				r.upstream.wantEnd("the connection is over")
				r.wantEnd(first+".closed", 1000)
			})
		}
	}
}

// The library would put 1006 on the wire, or the addresses of both ends of the
// upstream's connection.
func TestLost(t *testing.T) {
	bubble(t, "upstream", func(t *testing.T) {
		r := newSession(t, setup{})
		r.upstream.conn.Close()
		r.client.wantClose("upstream gone", 1011, "upstream: connection lost")
		r.client.closes(1011, "")
		r.client.wantEnd("answered")
		r.wantEnd("upstream.lost", 1011)
	})
	bubble(t, "upstream inside a message", func(t *testing.T) {
		r := newSession(t, setup{})
		r.upstream.send(0x01, "unfini")
		r.upstream.conn.Close()
		r.client.wantClose("upstream gone", 1011, "upstream: connection lost")
		r.client.conn.Close()
		r.wantEnd("upstream.lost", 1011)
	})
	bubble(t, "upstream inside a header", func(t *testing.T) {
		r := newSession(t, setup{})
		r.upstream.sendBytes([]byte{0x82, 0x7E, 0x01})
		r.upstream.conn.Close()
		r.client.wantClose("upstream gone", 1011, "upstream: connection lost")
		r.client.conn.Close()
		r.wantEnd("upstream.lost", 1011)
	})
	bubble(t, "upstream before its answer", func(t *testing.T) {
		r := newSession(t, setup{})
		r.client.closes(4000, "")
		r.upstream.wantClose("close", 4000, "")
		r.upstream.conn.Close()
		r.client.wantClose("upstream gone", 4000, "upstream: connection lost")
		r.client.wantEnd("both have closed")
		r.wantEnd("client.closed", 4000)
	})
	bubble(t, "client", func(t *testing.T) {
		r := newSession(t, setup{})
		r.client.conn.Close()
		r.upstream.wantClose("client gone", 1001, "client: connection lost")
		r.upstream.closes(1001, "")
		r.upstream.wantEnd("answered")
		r.wantEnd("client.lost", 1001)
	})
	bubble(t, "both", func(t *testing.T) {
		r := newSession(t, setup{})
		r.client.conn.Close()
		r.upstream.conn.Close()
		if end := <-r.ends; end.Cause.Event != "lost" {
			t.Errorf("got %s, want one side lost", end.Cause)
		}
	})
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{limits: config.Limits{IdleTimeout: time.Minute}})
		for range 3 {
			time.Sleep(50 * time.Second)
			r.upstream.send(0x81, "x")
			r.client.wantMessage("in time", ws.Text, "x")
		}
		time.Sleep(time.Minute - time.Millisecond)
		r.client.wantNothing("a moment before")
		time.Sleep(time.Millisecond)
		r.client.wantClose("idle", 1001, "nothing passed for 1m0s")
		r.upstream.wantClose("idle", 1001, "nothing passed for 1m0s")
		r.client.closes(1001, "")
		r.client.wantEnd("answered")
		r.upstream.closes(1001, "")
		r.upstream.wantEnd("answered")
		r.wantEnd("usher.idle", 1001)
	})
}

func TestMessageTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{limits: config.Limits{MessageTimeout: 10 * time.Second, IdleTimeout: time.Hour}})
		time.Sleep(20 * time.Second)
		r.client.send(0x01, "a")
		time.Sleep(9 * time.Second)
		r.client.send(0x80, "b")
		r.upstream.wantMessage("in time", ws.Text, "ab")
		slow := r.client.frame(0x82, long(100))
		r.client.sendBytes(slow[:6])
		for i := range 9 {
			time.Sleep(time.Second)
			r.client.sendBytes(slow[6+i : 7+i])
		}
		r.client.wantNothing("there is time yet")
		time.Sleep(time.Second)
		r.client.wantClose("too slow", 1008, "message was not complete after 10s")
		r.upstream.wantClose("too slow", 1008, "client: message was not complete after 10s")
		r.client.conn.Close()
		r.upstream.closes(1008, "")
		r.wantEnd("client.stalled", 1008)
	})
}

func TestPings(t *testing.T) {
	limits := config.Limits{PingInterval: 30 * time.Second, PingTimeout: 10 * time.Second, IdleTimeout: time.Hour}
	bubble(t, "answered", func(t *testing.T) {
		r := newSession(t, setup{limits: limits})
		for range 5 {
			time.Sleep(30*time.Second + time.Millisecond)
			for _, p := range []*peer{r.client, r.upstream} {
				ping := <-p.frames
				if !strings.HasPrefix(ping, "ping ") {
					t.Fatalf("got %q, want a ping", ping)
				}
				p.send(0x8A, strings.TrimPrefix(ping, "ping "))
			}
			r.client.wantNothing("the pong was for usher")
			r.upstream.wantNothing("the pong was for usher")
		}
		r.end()
	})
	bubble(t, "unanswered", func(t *testing.T) {
		r := newSession(t, setup{limits: limits})
		time.Sleep(30*time.Second + time.Millisecond)
		ping := <-r.client.frames
		r.client.send(0x8A, strings.TrimPrefix(ping, "ping "))
		<-r.upstream.frames
		time.Sleep(10 * time.Second)
		r.client.wantClose("no pong", 1011, "upstream: did not answer a ping within 10s")
		r.upstream.wantEnd("not worth a Close frame")
		r.client.conn.Close()
		r.wantEnd("upstream.silent", 1011)
	})
	bubble(t, "Engine.IO client has its own", func(t *testing.T) {
		r := newSession(t, setup{limits: limits, engineIO: true})
		time.Sleep(31 * time.Second)
		ping := <-r.upstream.frames
		r.upstream.send(0x8A, strings.TrimPrefix(ping, "ping "))
		r.client.wantNothing("Engine.IO")
		r.end()
	})
	bubble(t, "none while there is traffic", func(t *testing.T) {
		r := newSession(t, setup{limits: limits})
		for range 5 {
			time.Sleep(20 * time.Second)
			r.client.send(0x81, "x")
			r.upstream.wantMessage("traffic", ws.Text, "x")
			r.upstream.send(0x81, "x")
			r.client.wantMessage("traffic", ws.Text, "x")
		}
		r.end()
	})
}

// A peer that takes nothing ends its session, and nothing waits for it longer.
func TestStalled(t *testing.T) {
	bubble(t, "client", func(t *testing.T) {
		r := newSession(t, setup{limits: config.Limits{WriteTimeout: 10 * time.Second}, slowClient: true})
		r.upstream.send(0x82, long(1000))
		time.Sleep(10*time.Second + time.Millisecond)
		r.upstream.wantClose("client stalled", 1001, "client: took nothing for 10s")
		r.upstream.closes(1001, "")
		r.upstream.wantEnd("answered")
		r.wantEnd("client.stalled", 1001)
	})
	bubble(t, "upstream", func(t *testing.T) {
		r := newSession(t, setup{limits: config.Limits{WriteTimeout: 10 * time.Second}, slowUpstream: true})
		r.client.send(0x82, long(1000))
		time.Sleep(10*time.Second + time.Millisecond)
		r.client.wantClose("upstream stalled", 1011, "upstream: took nothing for 10s")
		r.client.closes(1011, "")
		r.client.wantEnd("answered")
		r.wantEnd("upstream.stalled", 1011)
	})
	bubble(t, "slow is not stalled", func(t *testing.T) {
		r := newSession(t, setup{limits: config.Limits{WriteTimeout: 10 * time.Second}, slowClient: true})
		message := long(10 * chunk)
		r.upstream.send(0x82, message)
		for range 10 {
			time.Sleep(9 * time.Second)
			if _, err := r.client.conn.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			readFull(t, r.client, chunk-1)
		}
		go r.client.read()
		r.client.conn.Close()
		r.upstream.wantClose("gone in the end", 1001, "client: connection lost")
		r.upstream.conn.Close()
		r.wantEnd("client.lost", 1001)
	})
}

func readFull(t *testing.T, p *peer, n int) {
	t.Helper()
	for buf := make([]byte, n); n > 0; {
		got, err := p.conn.Read(buf[:n])
		if err != nil {
			t.Fatal(err)
		}
		n -= got
	}
}

var goingAway = session.Drain{
	Cause: session.Cause{Side: session.Usher, Event: session.Shutdown}, Code: 1001, Reason: "usher is shutting down",
}

func TestShutdown(t *testing.T) {
	bubble(t, "answered", func(t *testing.T) {
		r := newSession(t, setup{})
		r.client.send(0x01, "unfini")
		synctest.Wait()
		done := make(chan error)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() { done <- r.relay.Shutdown(ctx, goingAway) }()
		r.client.wantClose("shutdown", 1001, "usher is shutting down")
		r.upstream.wantClose("shutdown", 1001, "usher is shutting down")
		r.client.closes(1001, "")
		r.upstream.closes(1001, "")
		if err := <-done; err != nil {
			t.Errorf("got %v, want none", err)
		}
		r.wantEnd("usher.shutdown", 1001)
	})
	bubble(t, "cut", func(t *testing.T) {
		r := newSession(t, setup{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		synctest.Wait()
		wantCut(ctx, r)
		r.client.wantClose("shutdown", 1001, "usher is shutting down")
		r.client.wantEnd("cut")
		r.wantEnd("usher.shutdown", 1001)
	})
	bubble(t, "nothing is read", func(t *testing.T) {
		r := newSession(t, setup{slowClient: true, slowUpstream: true})
		r.client.send(0x81, "stuck")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		synctest.Wait()
		wantCut(ctx, r)
		r.wantEnd("usher.shutdown", 1001)
	})
	bubble(t, "in its turn", func(t *testing.T) {
		r := newSession(t, setup{})
		synctest.Wait()
		d := goingAway
		d.Until = time.Now().Add(time.Hour)
		d.Over = time.Minute
		for _, p := range r.relay.live { // as if it were the third
			p.leaveAt(time.Now().Add(2*d.Gap(3)), &d)
		}
		time.Sleep(100*time.Millisecond - 1)
		r.client.wantNothing("not yet")
		r.client.send(0x81, "relayed")
		r.upstream.wantMessage("relayed", ws.Text, "relayed")
		time.Sleep(time.Nanosecond)
		r.client.wantClose("shutdown", 1001, "usher is shutting down")
		r.upstream.wantClose("shutdown", 1001, "usher is shutting down")
		time.Sleep(time.Hour - 101*time.Millisecond)
		if s := r.registry.Stats(); s.Open != 1 {
			t.Error("got the session ended before the deadline")
		}
		r.client.wantEnd("cut at the deadline")
		r.wantEnd("usher.shutdown", 1001)
	})
	bubble(t, "nobody there", func(t *testing.T) {
		if err := NewRelay(nil, nil).Shutdown(t.Context(), session.Drain{}); err != nil {
			t.Errorf("got %v, want none", err)
		}
	})
}

// wantCut wants that Shutdown waits until ctx ends, and no longer.
func wantCut(ctx context.Context, r *relayed) {
	r.t.Helper()
	begin := time.Now()
	err := r.relay.Shutdown(ctx, goingAway)
	if waited := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || waited != time.Second {
		r.t.Errorf("got %v after %v, want %v after 1s", err, waited, context.DeadlineExceeded)
	}
}
