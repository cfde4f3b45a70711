package proxy_test

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
)

// Row 58 of the attacks: all clients of an upstream are cut and come back at the
// same moment. Nobody is refused, and everybody is served. How long a handshake may
// take is not the question: a machine that is busy has all of them at once.
func TestAttack58ReconnectStorm(t *testing.T) {
	many := 500
	if os.Getenv("USHER_FULL_TESTS") != "" {
		many = 5000
	}
	dir := t.TempDir()
	for _, tt := range []struct {
		scheme, listener string
	}{
		{"ws", "listen: 127.0.0.1:0\n"},
		{"wss", "listen: {address: 127.0.0.1:0, tls: true}\ntls: {internal: true}\n"},
	} {
		t.Run(tt.scheme, func(t *testing.T) {
			up := newTestApart(t)
			b := newTestBrokerIn(t, dir, "handshake_timeout: 10m\n"+tt.listener+oneRoute(up))
			d := &websocket.Dialer{}
			if tt.scheme == "wss" {
				d.TLSClientConfig = &tls.Config{RootCAs: mustTrust(t, filepath.Join(dir, "certs", "internal", "root.crt"))}
			}
			b.storm(t, patient(d), tt.scheme+"://"+b.address+"/ws", many, up+"/cut")
		})
	}
}

// storm has so many clients connect, be cut, and connect again.
func (b *broker) storm(t *testing.T, d *websocket.Dialer, url string, many int, cut string) {
	t.Helper()
	var clients, there sync.WaitGroup
	there.Add(many)
	begin := make(chan struct{})
	for range many {
		clients.Go(func() {
			first := sync.OnceFunc(there.Done)
			defer first()
			for round := range 2 {
				c, resp, err := d.Dial(url, http.Header{})
				if err != nil {
					t.Errorf("round %d: %v, %v", round, err, resp)
					return
				}
				wantEcho(t, c, websocket.TextMessage, []byte("hello"))
				if round == 0 {
					first()
					for err == nil { // until it is cut
						_, _, err = c.ReadMessage()
					}
					<-begin
				}
				c.Close()
			}
		})
	}
	there.Wait()
	b.wantSessions(t, many)
	if resp, err := http.Get(cut); err != nil {
		t.Error(err)
	} else {
		resp.Body.Close()
	}
	b.wantSessions(t, 0)
	close(begin)
	clients.Wait()
	http.DefaultClient.CloseIdleConnections()
	b.wantSessions(t, 0)
	if got := b.log.lines(t, "request refused"); len(got) > 0 {
		t.Errorf("refused: got %d, such as %v", len(got), got[0])
	}
	if s := b.Stats().Handshake; s.DuplicateClaims != 0 || s.Claims != uint64(2*many) {
		t.Errorf("claims: got %+v, want two of each client and none twice", s)
	}
}

// TestAttack58PollingStorm is the same of clients that poll, each on connections
// of its own, and whose upstream is cut while their GETs wait.
func TestAttack58PollingStorm(t *testing.T) {
	many := 300
	if os.Getenv("USHER_FULL_TESTS") != "" {
		many = 2000 // with three descriptors each at least, two of them in this process
	}
	b, main, _ := newTestSplit(t, "")
	var clients, there sync.WaitGroup
	there.Add(many)
	begin := make(chan struct{})
	for range many {
		clients.Go(func() {
			first := sync.OnceFunc(there.Done)
			defer first()
			for round := range 2 {
				p := b.newPoller(t, polling4)
				p.open()
				p.want("POST", "40", http.StatusOK, "ok")
				p.until(`42["hello","main"]`)
				if round == 0 {
					waits := p.begin(t.Context(), "GET", "")
					first()
					if got := <-waits; !strings.HasPrefix(got, "400 ") { // what a client takes for a loss
						t.Errorf("waiting GET: got %q, want 400", got)
					}
					<-begin
				} else {
					p.want("POST", "1", http.StatusOK, "ok")
				}
				p.http.CloseIdleConnections()
			}
		})
	}
	there.Wait()
	b.wantSessions(t, many)
	main.cut()
	b.wantSessions(t, 0)
	close(begin)
	clients.Wait()
	b.wantSessions(t, 0)
	for _, line := range b.log.lines(t, "request refused") {
		if line["rule"] != "Session ID unknown" { // of a GET that came behind the cut
			t.Errorf("refused: got %v", line)
		}
	}
}
