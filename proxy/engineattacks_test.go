package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Row 22 of the attacks, as far as it is HTTP: what crashed old servers does
// not come to them.
func TestSocketIOAttacks(t *testing.T) {
	begin := func(t *testing.T) (*poller, *service) {
		b, main, _ := newTestSplit(t, "")
		p := b.newPoller(t, polling4)
		p.open()
		p.want("POST", "40", 200, "ok")
		p.until("hello")
		return p, main
	}
	t.Run("a POST of 100 MB", func(t *testing.T) {
		p, main := begin(t)
		c := dialRaw(t, strings.TrimSuffix(strings.TrimPrefix(p.url, "http://"), "/socket.io/"))
		fmt.Fprintf(c, "POST /socket.io/?%s HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n42[", p.query)
		res, _ := readHead(t, c)
		if res.StatusCode != 413 || !res.Close {
			t.Errorf("got %s, want 413 before the body has come", res.Status)
		}
		if main.got() != "40" {
			t.Errorf("upstream got %q", main.got())
		}
	})
	t.Run("a POST without an end", func(t *testing.T) {
		p, main := begin(t)
		r, _ := http.NewRequestWithContext(t.Context(), "POST", p.url+"?"+p.query, io.LimitReader(zeros{}, 100<<20))
		res, err := p.http.Do(r)
		if err == nil {
			res.Body.Close()
			if res.StatusCode != 413 {
				t.Errorf("got %s, want 413", res.Status)
			}
		}
		if main.got() != "40" {
			t.Errorf("upstream got %q", main.got())
		}
	})
	for name, tt := range map[string]struct{ body, upstream string }{
		"a million separators":    {strings.Repeat("\x1e", 999999), "40"},
		"huge attachment count":   {"4599999999999999999999-[\"x\"]", "40"},
		"more attachments than":   {"451001-[\"x\"]", "40"},
		"attachments out of turn": {"bAAAA", "40"},
		"no packet type":          {"49", "40"},
	} {
		t.Run(name, func(t *testing.T) {
			p, main := begin(t)
			if status, body, _ := p.ask(t.Context(), "POST", tt.body); status != 200 || body != "ok" {
				t.Errorf("got %d %q, want that the reference says ok", status, body)
			}
			status, body, _ := p.ask(t.Context(), "GET", "")
			if status == 200 && body != "1" || status != 200 && !strings.Contains(body, "Session ID unknown") {
				t.Errorf("got %d %q, want the session's end", status, body)
			}
			if main.got() != tt.upstream {
				t.Errorf("upstream got %q, want %q", main.got(), tt.upstream)
			}
		})
	}
	t.Run("a head that would be kept", func(t *testing.T) {
		b, _, _ := newTestSplit(t, "")
		if status, _, _ := b.newPoller(t, polling4).ask(t.Context(), "GET", "", "X-Large", strings.Repeat("x", 20000)); status != 431 {
			t.Errorf("got %d, want 431", status)
		}
		b.wantSessions(t, 0)
	})
	t.Run("a message over the limit", func(t *testing.T) {
		b, main, _ := newTestSplit(t, "max_payload: 1000")
		c := b.joined(t, "")
		send(t, c, `42["`+strings.Repeat("x", 1000)+`"]`)
		wantCode(t, c, websocket.CloseMessageTooBig)
		wantSoon(t, "legs", 0, main.legs.Load)
		if main.got() != "40" {
			t.Errorf("upstream got %q", main.got())
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '4'
	}
	return len(p), nil
}

// Row E-32, and row 14 of the attacks: a body that does not come to its end.
func TestSlowPOST(t *testing.T) {
	b, main, _ := newTestSplit(t, "ping_interval: 300ms, ping_timeout: 200ms")
	p := b.newPoller(t, polling4)
	p.open()
	c := dialRaw(t, b.address)
	fmt.Fprintf(c, "POST /socket.io/?%s HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n40", p.query)
	other := b.joined(t, "")
	res, _ := readHead(t, c)
	if res.StatusCode != 408 && res.StatusCode != 400 || !res.Close {
		t.Errorf("got %s, want 408", res.Status)
	}
	wantPing(t, other)
	b.wantSessions(t, 1)
	other.Close()
	b.wantSessions(t, 0)
	wantSoon(t, "legs", 0, main.legs.Load)
}

// wantPing reads Engine.IO's ping and answers it.
func wantPing(t *testing.T, c *websocket.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	if _, p, err := c.ReadMessage(); err != nil || string(p) != "2" {
		t.Fatalf("got %q, %v, want a ping", p, err)
	}
	send(t, c, "3")
}
