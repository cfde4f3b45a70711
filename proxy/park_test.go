package proxy_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// rawPoller is a poller whose one connection is in the test's hands.
type rawPoller struct {
	t     *testing.T
	b     *broker
	c     net.Conn
	r     *bufio.Reader
	query string
}

// newRawPoller opens a session that has joined "/" over c.
func newRawPoller(t *testing.T, b *broker, c net.Conn) *rawPoller {
	t.Helper()
	p := &rawPoller{t: t, b: b, c: c, r: bufio.NewReader(c), query: polling4}
	p.send("GET", "")
	_, rest, _ := strings.Cut(p.answer(200), `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	p.query += "&sid=" + sid
	p.send("POST", "40")
	p.answer(200)
	for got := ""; !strings.Contains(got, "hello"); {
		p.send("GET", "")
		got += p.answer(200)
	}
	return p
}

func (p *rawPoller) send(method, body string) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.c, "%s /socket.io/?%s HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example.com\r\nContent-Length: %d\r\n\r\n%s", method, p.query, len(body), body); err != nil {
		p.t.Fatal(err)
	}
}

func (p *rawPoller) answer(status int) string {
	p.t.Helper()
	res, err := http.ReadResponse(p.r, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status || res.Header.Get("Date") == "" {
		p.t.Fatalf("got %v %q, %v, want %d", res, body, err, status)
	}
	if got := res.Header.Get("Access-Control-Allow-Origin"); got != "https://app.example.com" {
		p.t.Errorf("got Access-Control-Allow-Origin %q", got)
	}
	return string(body)
}

// park begins a GET and waits until net/http has let go of it.
func (p *rawPoller) park() {
	p.t.Helper()
	p.send("GET", "")
	p.wantParked(1)
}

func (p *rawPoller) wantParked(n int) {
	p.t.Helper()
	wantSoon(p.t, "parked GETs", n, func() int { return p.b.Stats().Namespaces.Parked })
}

// A GET that waits for long does so without net/http, and nobody notices.
func TestParkedGET(t *testing.T) {
	b, main, _ := newTestSplit(t, "")
	begin := func(t *testing.T) *rawPoller { return newRawPoller(t, b, dialRaw(t, b.address)) }
	echo := func(p *rawPoller, text string) {
		q := b.newPoller(p.t, p.query)
		q.want("POST", "42"+text, 200, "ok")
	}
	t.Run("answered, again and again", func(t *testing.T) {
		p := begin(t)
		for _, text := range []string{`["one"]`, `["two"]`} {
			p.park()
			echo(p, text)
			if got := p.answer(200); got != "42"+text {
				t.Errorf("got %q, want %q", got, text)
			}
			p.wantParked(0)
		}
		p.send("POST", "1") // and the connection is good for anything
		if got := p.answer(200); got != "ok" {
			t.Errorf("got %q, want ok", got)
		}
		b.wantSessions(t, 0)
	})
	t.Run("client goes", func(t *testing.T) {
		p := begin(t)
		p.park()
		p.c.Close()
		b.wantSessions(t, 0)
		p.wantParked(0)
		wantSoon(t, "legs", 0, main.legs.Load)
	})
	t.Run("next request comes early", func(t *testing.T) {
		p := begin(t)
		p.park()
		p.send("POST", `42["x"]`) // behind the answer to the GET, which waits
		echo(p, `["y"]`)
		if got := p.answer(200); got != `42["y"]` {
			t.Errorf("got %q", got)
		}
		if got := p.answer(200); got != "ok" {
			t.Errorf("got %q, want ok", got)
		}
		p.send("POST", "1")
		p.answer(200)
		b.wantSessions(t, 0)
	})
	t.Run("second GET", func(t *testing.T) {
		p := begin(t)
		p.park()
		b.newPoller(t, p.query).want("GET", "", 400, "")
		if got := p.answer(200); got != "1" {
			t.Errorf("got %q, want a close", got)
		}
		b.wantSessions(t, 0)
	})
	t.Run("broken request behind it", func(t *testing.T) {
		p := begin(t)
		p.park()
		echo(p, `["x"]`)
		p.answer(200)
		io.WriteString(p.c, "GET / HTTP/1.1\nHost: a\r\n\r\n")
		if res, err := http.ReadResponse(p.r, nil); err != nil || res.StatusCode != 400 {
			t.Errorf("got %v, %v, want 400", res, err)
		}
		b.newPoller(t, p.query).want("POST", "1", 200, "ok")
		b.wantSessions(t, 0)
	})
	t.Run("stop", func(t *testing.T) {
		waits, idle := begin(t), begin(t)
		idle.park()
		echo(idle, `["x"]`)
		idle.answer(200) // its connection is parked without a request
		waits.park()
		b.wantStop(t, patience)
		if got := waits.answer(200); got != "1" {
			t.Errorf("got %q, want a close", got)
		}
		for _, p := range []*rawPoller{waits, idle} {
			if n, err := p.r.ReadByte(); err == nil {
				t.Errorf("got byte %q, want the end", n)
			}
		}
	})
}

func TestParkedGETByTLS(t *testing.T) {
	main := newTestService(t, "main")
	b, trust := newTestTLSBrokerOf(t, split(main, main, ""))
	c := tls.Client(dialRaw(t, b.address), &tls.Config{RootCAs: trust.RootCAs, ServerName: "127.0.0.1"})
	p := newRawPoller(t, b, c)
	for range 2 {
		p.park()
		b.newPollerOver(t, trust, p.query).want("POST", `42["x"]`, 200, "ok")
		if got := p.answer(200); got != `42["x"]` {
			t.Errorf("got %q", got)
		}
	}
	p.send("POST", "1")
	p.answer(200)
	b.wantSessions(t, 0)
}

// newPollerOver is newPoller over HTTP/2.
func (b *broker) newPollerOver(t *testing.T, trust *tls.Config, query string) *poller {
	t.Helper()
	p := b.newPoller(t, query)
	p.http, p.url = newTestH2Client(t, trust), "https://"+b.address+"/socket.io/"
	return p
}
