package proxy_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// readiness asks for /readyz.
func (o *operator) readiness(t *testing.T) string {
	t.Helper()
	status, text := o.do(t, http.MethodGet, "/readyz", nil)
	if (status == http.StatusOK) != (string(text) == "serving\n") {
		t.Fatalf("readiness: got %d %s", status, text)
	}
	return strings.TrimSpace(string(text))
}

// TestDrainTellsWhoComes has usher serve on while it drains: it is not ready
// before the first Close frame, and who comes later hears when to try again.
func TestDrainTellsWhoComes(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			io.WriteString(w, "plain")
			return
		}
		echo(w, r)
	})
	b := newTestBroker(t, "admin: 127.0.0.1:0\ndrain: {grace: 2s, over: 0s, deadline: 60s}\n"+oneRoute(up.URL))
	o := b.operator(t)
	if got := o.readiness(t); got != "serving" {
		t.Errorf("before the stop: got %s, want serving", got)
	}
	stubborn := dialRaw(t, b.address) // does not answer its Close frame
	io.WriteString(stubborn, upgradeHead)
	readHead(t, stubborn)
	b.stop()
	wantSoon(t, "readiness", "grace", func() string { return o.readiness(t) })
	c, _ := b.dial(t, "/ws", nil) // usher serves on meanwhile
	wantClosed(t, c, websocket.CloseServiceRestart)
	if got := o.readiness(t); got != "stopping" {
		t.Errorf("behind a Close frame: got %s, want stopping", got)
	}
	for range 3 {
		if head := b.wantRefused(t, "/ws", http.StatusServiceUnavailable); head.Get("Retry-After") == "" {
			t.Error("while it drains: got no Retry-After")
		}
		resp, err := http.Get("http://" + b.address + "/page")
		if err != nil {
			t.Fatalf("plain request while it drains: %v", err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(text) != "plain" || !resp.Close {
			t.Errorf("plain request while it drains: got %q and close %t, want the page and the end", text, resp.Close)
		}
	}
	if got := get[map[string]any](t, o, "/v1/status")["phase"]; got != "stopping" {
		t.Errorf("status: got %v, want stopping", got)
	}
	stubborn.Close()
	b.wantStop(t, patience)
}

// TestStopAnswersWhoWasAccepted has a client connect, usher stop, and the client
// ask then: it learned of no end before.
func TestStopAnswersWhoWasAccepted(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "plain") })
	b := newTestBroker(t, oneRoute(up.URL))
	late, silent := dialRaw(t, b.address), dialRaw(t, b.address)
	resp, err := http.Get("http://" + b.address + "/page") // accepted behind both
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	b.stop()
	wantSoon(t, "listening", false, func() bool {
		c, err := net.Dial("tcp", b.address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	io.WriteString(late, "GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
	if resp, _ := readHead(t, late); resp.StatusCode != http.StatusOK || !resp.Close {
		t.Errorf("got %s and close %t, want the page and the end", resp.Status, resp.Close)
	}
	if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("who never asked: got %v, want the end", err)
	}
	b.wantStop(t, patience)
}
