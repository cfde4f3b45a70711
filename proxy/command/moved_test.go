//go:build linux && !portable

package command_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/admin"
)

// talker is a client that sends numbered messages and wants each back, once and
// in order.
type talker struct {
	conn *websocket.Conn
	sent atomic.Int64
	got  atomic.Int64
	err  atomic.Pointer[error]
	stop chan struct{}
	over sync.WaitGroup
}

func newTalker(t *testing.T, address string) *talker {
	t.Helper()
	c, err := echo(websocket.DefaultDialer, address)
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Time{})
	k := &talker{conn: c, stop: make(chan struct{})}
	k.over.Go(k.send)
	k.over.Go(k.receive)
	t.Cleanup(func() { c.Close() })
	return k
}

func (k *talker) fail(err error) { k.err.CompareAndSwap(nil, &err) }

// send sends a message every few milliseconds, some of them long.
func (k *talker) send() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := int64(1); ; n++ {
		select {
		case <-k.stop:
			return
		case <-tick.C:
		}
		text := fmt.Sprint(n, " ", strings.Repeat("x", int(n%7)*int(n%7)*700))
		k.sent.Store(n)
		if err := k.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			k.fail(err)
			return
		}
	}
}

func (k *talker) receive() {
	for n := int64(1); ; n++ {
		_, p, err := k.conn.ReadMessage()
		if err != nil {
			k.fail(err)
			return
		}
		if want := fmt.Sprint(n, " ", strings.Repeat("x", int(n%7)*int(n%7)*700)); string(p) != want {
			k.fail(fmt.Errorf("got %.20q of %d bytes, want %.20q of %d", p, len(p), want, len(want)))
			return
		}
		k.got.Store(n)
	}
}

// wantWhole waits until all that was sent has come back, and ends the talk.
func (k *talker) wantWhole(t *testing.T) {
	t.Helper()
	if err := k.wantEnd(t); err != nil {
		t.Fatalf("behind message %d of %d: %v", k.got.Load(), k.sent.Load(), err)
	}
}

// wantEnd waits until all that was sent has come back, or the socket has ended, and
// returns why.
func (k *talker) wantEnd(t *testing.T) error {
	t.Helper()
	close(k.stop)
	for until := time.Now().Add(2 * patience); k.got.Load() < k.sent.Load() && k.err.Load() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("got %d of %d messages back", k.got.Load(), k.sent.Load())
		}
	}
	err := k.err.Load()
	k.conn.Close()
	k.over.Wait()
	if err == nil {
		return nil
	}
	return *err
}

// TestUpgradeMoves has sockets that talk without a pause while usher takes its
// own place five times: nobody notices, and operators find them as they were.
func TestUpgradeMoves(t *testing.T) {
	admins := "unix:" + filepath.Join(t.TempDir(), "admin")
	g := newTestGenerations(t, fmt.Sprintf("admin: '%s'\n%s", admins, upgradeRoutes("127.0.0.1:0", newEchoUpstream(t).URL)))
	address := g.wantLines(t, "listening", 1)["address"].(string)
	var talkers []*talker
	for range 50 {
		talkers = append(talkers, newTalker(t, address))
	}
	before := listSessions(t, g)
	for n := range 5 {
		var done admin.Upgraded
		verb(t, &done, "upgrade", "--json", "--routes", g.routes)
		if done.Moved != len(talkers) || len(done.Drain) != 0 {
			t.Errorf("upgrade %d: got %+v, want %d moved and none to drain", n, done, len(talkers))
		}
		g.pid = done.PID
		g.wantLines(t, "stopped", n+1)
	}
	after := listSessions(t, g)
	for id, s := range before {
		now := after[id]
		if !now.Started.Equal(s.Started) || now.Client != s.Client || now.Endpoint != s.Endpoint || now.FromClient.Messages < s.FromClient.Messages {
			t.Errorf("got session %+v, want %+v and more messages", now, s)
		}
	}
	if len(after) != len(talkers) {
		t.Errorf("got %d sessions, want %d", len(after), len(talkers))
	}
	for _, k := range talkers {
		k.wantWhole(t)
	}
	for n := range talkers { // told by the last process, and once
		g.wantLines(t, "session ended", n+1)
	}
	if n := len(g.linesOf("session ended")); n != len(talkers) {
		t.Errorf("got %d sessions ended, want %d", n, len(talkers))
	}
}

// TestUpgradeMovedToNothing has a session move to a process whose file does not
// have its route: it drains there, as by a reload.
func TestUpgradeMovedToNothing(t *testing.T) {
	up := newEchoUpstream(t)
	g := newTestGenerations(t, upgradeRoutes("127.0.0.1:0", up.URL))
	held, err := echo(websocket.DefaultDialer, g.wantLines(t, "listening", 1)["address"].(string))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	g.writeRoutes(t, strings.Replace(upgradeRoutes("127.0.0.1:0", up.URL), "[{upstream", "[{path: /other, upstream", 1))
	g.upgrade(t, 1)
	wantRestart(t, held)
	if line := g.wantLines(t, "session ended", 1); line["cause"] != "usher.drained" {
		t.Errorf("got %v, want it drained", line)
	}
}

// TestUpgradeInterrupted has the new process be killed, or stand still for longer
// than the old one waits, while it takes sockets that talk: those that it has are
// its own, and the others are told to come back. What anybody hears is right.
func TestUpgradeInterrupted(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(signal.String(), func(t *testing.T) {
			g := newTestGenerations(t, upgradeRoutes("127.0.0.1:0", newEchoUpstream(t).URL))
			address := g.wantLines(t, "listening", 1)["address"].(string)
			var talkers []*talker
			for range 80 {
				talkers = append(talkers, newTalker(t, address))
			}
			old := g.pid
			syscall.Kill(old, syscall.SIGUSR2)
			g.pid = int(g.wantLines(t, "upgrade: the new process serves", 1)["pid"].(float64))
			syscall.Kill(g.pid, signal)
			g.wantLines(t, "stopped", 1) // the old one
			syscall.Kill(g.pid, syscall.SIGCONT)
			moved, told, lost := 0, 0, 0
			for _, k := range talkers {
				switch err := k.wantEnd(t); {
				case err == nil:
					moved++
				case websocket.IsCloseError(err, websocket.CloseServiceRestart) || errors.Is(err, websocket.ErrCloseSent):
					told++
				case websocket.IsCloseError(err, websocket.CloseAbnormalClosure) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
					lost++
				default:
					t.Errorf("behind message %d of %d: %v", k.got.Load(), k.sent.Load(), err)
				}
			}
			t.Logf("%d moved, %d told to come back, %d lost with the process that had them", moved, told, lost)
			if signal == syscall.SIGSTOP && lost > 0 || signal == syscall.SIGKILL && moved > 0 {
				t.Errorf("got %d moved and %d lost", moved, lost)
			}
		})
	}
}

// TestUpgradeWithoutDescriptors has a new process that may have few descriptors: it
// takes what it has some for, and the old one tells the others to come back.
func TestUpgradeWithoutDescriptors(t *testing.T) {
	g := newTestGenerations(t, upgradeRoutes("127.0.0.1:0", newEchoUpstream(t).URL))
	address := g.wantLines(t, "listening", 1)["address"].(string)
	if err := os.Rename(g.program, g.program+".old"); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nulimit -n 50\nexec %q \"$@\"\n", g.program+".old")
	if err := os.WriteFile(g.program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	var talkers []*talker
	for range 60 {
		talkers = append(talkers, newTalker(t, address))
	}
	g.upgrade(t, 1)
	if line := g.wantLines(t, "sessions stay, and drain", 1); !strings.Contains(line["error"].(string), "too many open files") {
		t.Errorf("got %v, want it to say what lacks", line)
	}
	g.wantLines(t, "stopped", 1)
	told := 0
	for _, k := range talkers {
		switch err := k.wantEnd(t); {
		case err == nil: // one of a few that it had descriptors for
		case websocket.IsCloseError(err, websocket.CloseServiceRestart) || errors.Is(err, websocket.ErrCloseSent):
			told++
		default:
			t.Errorf("got %v, want it told to come back", err)
		}
	}
	if told == 0 {
		t.Error("got all moved")
	}
}

// firstToMove is the first commit whose sessions move.
const firstToMove = "bb06884621124e34a1855354847e6b0976e4bb05"

// TestUpgradeSkew upgrades from the first usher whose sessions move to this one,
// back, and again: each takes what it knows of, and leaves out what it does not.
func TestUpgradeSkew(t *testing.T) {
	if out, err := exec.Command("git", "rev-parse", "--is-shallow-repository").Output(); err == nil && string(out) == "true\n" {
		t.Skip("a clone without history has no earlier usher")
	}
	dir := t.TempDir()
	first := filepath.Join(dir, "usher-first")
	build := exec.Command("sh", "-c", `set -e; git archive "$1" | tar -x -C "$2"; cd "$2"; go build -o "$3" .`, "sh", firstToMove, dir, first)
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build commit %s, which needs the repository's history: %v: %s", firstToMove, err, out)
	}
	g := newTestGenerations(t, upgradeRoutes("127.0.0.1:0", newEchoUpstream(t).URL))
	address := g.wantLines(t, "listening", 1)["address"].(string)
	talkers := []*talker{newTalker(t, address), newTalker(t, address), newTalker(t, address)}
	for n, program := range []string{first, usher, first, usher} {
		if err := os.Remove(g.program); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(program, g.program); err != nil {
			t.Fatal(err)
		}
		g.upgrade(t, n+1)
		g.wantLines(t, "stopped", n+1)
	}
	for _, k := range talkers {
		k.wantWhole(t)
	}
}

// TestUpgradeMovesClients has clients that ask for nothing, or have said half of
// what they ask for: they go on with the next process, and the one before has ended.
func TestUpgradeMovesClients(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("X-Forwarded-For")) }))
	t.Cleanup(up.Close)
	text := upgradeRoutes("[127.0.0.1:0, {address: '127.0.0.2:0', proxy_protocol: [127.0.0.0/8]}]", up.URL)
	g := newTestGenerations(t, text)
	g.wantLines(t, "listening", 2)
	addresses := []string{g.linesOf("listening")[0]["address"].(string), g.linesOf("listening")[1]["address"].(string)}
	const get, proxy = "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PROXY TCP4 192.0.2.7 192.0.2.8 1000 80\r\n"
	clients := []*halfClient{
		{said: "", rest: get, of: "127.0.0.1"},
		{said: get[:10], rest: get[10:], of: "127.0.0.1"},
		{said: get, rest: get, of: "127.0.0.1"}, // kept alive
		{said: "", rest: proxy + get, of: "192.0.2.7", proxied: 1},
		{said: proxy[:20], rest: proxy[20:] + get, of: "192.0.2.7", proxied: 1},
		{said: proxy, rest: get, of: "192.0.2.7", proxied: 1},
		{said: proxy + get[:20], rest: get[20:], of: "192.0.2.7", proxied: 1},
		{said: proxy + get, rest: get, of: "192.0.2.7", proxied: 1},
	}
	for _, c := range clients {
		conn, err := net.Dial("tcp", addresses[c.proxied])
		if err != nil {
			t.Fatal(err)
		}
		c.begin(t, conn)
	}
	for n := range 3 {
		g.upgrade(t, n+1)
		g.wantLines(t, "stopped", n+1)
	}
	for _, c := range clients {
		io.WriteString(c.conn, c.rest)
		c.wantAnswer(t)
		io.WriteString(c.conn, get)
		c.wantAnswer(t)
	}
}

// TestUpgradeKeepsWhatIsKnown has an old Engine.IO session, whose sid says nothing
// of its endpoint, and a socket that has ended.
func TestUpgradeKeepsWhatIsKnown(t *testing.T) {
	var ups []string
	for name := range 2 {
		up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case websocket.IsWebSocketUpgrade(r):
				echoMessages(w, r)
			case r.FormValue("sid") == "":
				open := fmt.Sprintf(`0{"sid":"old%d","upgrades":[],"pingInterval":25000,"pingTimeout":5000}`, name)
				fmt.Fprintf(w, "%d:%s", len(open), open)
			default:
				fmt.Fprintf(w, "4:4%dok", name)
			}
		}))
		t.Cleanup(up.Close)
		ups = append(ups, up.URL)
	}
	g := newTestGenerations(t, fmt.Sprintf("listen: 127.0.0.1:0\nadmin: 'unix:%s'\nupstreams: {main: {affinity: engine_io, endpoints: [%s]}}\nroutes: [{upstream: main}]\n",
		filepath.Join(t.TempDir(), "admin"), strings.Join(ups, ", ")))
	address := g.wantLines(t, "listening", 1)["address"].(string)
	ask := func(query string) string {
		t.Helper()
		r, err := http.Get("http://" + address + "/socket.io/?EIO=3&transport=polling" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != 200 {
			t.Fatalf("%s: got %d %q, %v", query, r.StatusCode, body, err)
		}
		return string(body)
	}
	held, err := echo(websocket.DefaultDialer, address)
	if err != nil {
		t.Fatal(err)
	}
	held.Close()
	g.wantLines(t, "session ended", 1)
	for range 4 {
		ask("")
	}
	for n := range 2 {
		g.upgrade(t, n+1)
		g.wantLines(t, "stopped", n+1)
		for k := range 4 {
			if got, want := ask(fmt.Sprintf("&sid=old%d", k%2)), fmt.Sprintf("4:4%dok", k%2); got != want {
				t.Errorf("sid of endpoint %d: got %q, want %q", k%2, got, want)
			}
		}
		var page admin.EndedPage
		verb(t, &page, "status", "--ended", "--json", "--routes", g.routes)
		if len(page.Sessions) != 1 || page.Sessions[0].FromClient.Messages != 1 {
			t.Errorf("got %+v ended, want the session of before", page.Sessions)
		}
	}
}

// TestUpgradeMovesTLSClients has one that is kept alive, one that has said half of
// its hello, and one half of its head.
func TestUpgradeMovesTLSClients(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("X-Forwarded-Proto")) }))
	t.Cleanup(up.Close)
	g := newTestGenerations(t, "tls: {internal: true}\n"+upgradeRoutes("{address: '127.0.0.1:0', tls: true}", up.URL))
	address := g.wantLines(t, "listening", 1)["address"].(string)
	const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	clients := []*halfClient{
		{said: "", rest: get, of: "https"},
		{said: get[:10], rest: get[10:], of: "https"},
		{said: get, rest: get, of: "https"},
	}
	for _, c := range clients {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		c.begin(t, conn)
	}
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	half := &halfHello{Conn: raw, half: make(chan struct{}), rest: make(chan struct{})}
	late := &halfClient{rest: get, of: "https"}
	handshake := make(chan error, 1)
	conn := tls.Client(half, &tls.Config{InsecureSkipVerify: true})
	go func() { handshake <- conn.Handshake() }()
	<-half.half
	for n := range 3 {
		g.upgrade(t, n+1)
		g.wantLines(t, "stopped", n+1)
	}
	close(half.rest)
	if err := <-handshake; err != nil {
		t.Fatalf("a hello of which half had been said: %v", err)
	}
	late.begin(t, conn)
	for _, c := range append(clients, late) {
		io.WriteString(c.conn, c.rest)
		c.wantAnswer(t)
		io.WriteString(c.conn, get)
		c.wantAnswer(t)
	}
}

// halfHello writes the first half of the first write, and the rest when it may.
type halfHello struct {
	net.Conn
	half, rest chan struct{}
	once       sync.Once
}

func (h *halfHello) Write(p []byte) (n int, err error) {
	first := false
	h.once.Do(func() { first = true })
	if !first {
		return h.Conn.Write(p)
	}
	h.Conn.Write(p[:len(p)/2])
	close(h.half)
	<-h.rest
	_, err = h.Conn.Write(p[len(p)/2:])
	return len(p), err
}

// halfClient has said something, and has more to say.
type halfClient struct {
	said, rest string
	of         string // whom it speaks for
	proxied    int
	conn       net.Conn
	in         *bufio.Reader
}

// begin says what is to be said before the upgrades.
func (c *halfClient) begin(t *testing.T, conn net.Conn) {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(6 * patience))
	c.conn, c.in = conn, bufio.NewReader(conn)
	if io.WriteString(conn, c.said); strings.HasSuffix(c.said, "\r\n\r\n") {
		c.wantAnswer(t)
	}
}

func (c *halfClient) wantAnswer(t *testing.T) {
	t.Helper()
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Errorf("client that had said %q: %v", c.said, err)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 || string(body) != c.of {
		t.Errorf("client that had said %q: got %d %q, %v; want it served for %s", c.said, r.StatusCode, body, err, c.of)
	}
}

func listSessions(t *testing.T, g *generations) map[string]admin.Session {
	t.Helper()
	var page admin.SessionPage
	verb(t, &page, "sessions", "--json", "--routes", g.routes)
	list := make(map[string]admin.Session)
	for _, s := range page.Sessions {
		list[s.ID] = s
	}
	return list
}

// verb runs usher and reads what it prints.
func verb(t *testing.T, v any, args ...string) {
	t.Helper()
	out, err := exec.Command(usher, args...).Output()
	if err == nil {
		err = json.Unmarshal(out, v)
	}
	if err != nil {
		t.Fatalf("usher %q: %v: %s", args, err, out)
	}
}
