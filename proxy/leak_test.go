package proxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"usher/proxy/leaktest"
)

// TestNothingLeaks opens and closes 10,000 sockets. They end in turn by a Close
// frame, by a cut, and by a refusal; what the process holds must be what it
// held before.
func TestNothingLeaks(t *testing.T) {
	sockets := 10_000
	if testing.Short() {
		sockets = 1_000
	}
	up := newTestBackend(t, echo)
	for name, text := range relays(up.URL) {
		b := newTestBroker(t, text)
		for range 30 { // what is made once and kept is made now
			openAndClose(t, b.address, 0)
		}
		b.wantSessions(t, 0)
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		before := leaktest.Take()
		batches(t, sockets/2, func(i int) { openAndClose(t, b.address, i) })
		b.wantSessions(t, 0)
		if leak := before.Leak(patience); leak != "" {
			t.Errorf("%s: %s", name, leak)
		}
		s := b.Stats()
		if s.Sessions.Duplicates != 0 || s.Handshake.DuplicateClaims != 0 {
			t.Errorf("%s: got %+v, want no duplicates", name, s)
		}
		if want := uint64(30 + sockets/2 - sockets/2/4); s.Sessions.Opened != want {
			t.Errorf("%s: sessions: got %d, want %d", name, s.Sessions.Opened, want)
		}
	}
}

// batches runs do n times, some at once.
func batches(t *testing.T, n int, do func(i int)) {
	t.Helper()
	const atOnce = 50
	for at := 0; at < n && !t.Failed(); at += atOnce {
		var batch sync.WaitGroup
		for i := range atOnce {
			batch.Go(func() { do(at + i) })
		}
		batch.Wait()
	}
}

// openAndClose is the life of one socket; i says how it ends.
func openAndClose(t *testing.T, address string, i int) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Errorf("dial: %v", err)
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	want, head := http.StatusSwitchingProtocols, upgradeHead
	if i%4 == 3 {
		want, head = http.StatusUpgradeRequired, changed(t, "Version: 13", "Version: 7")
	}
	io.WriteString(c, head)
	br := bufio.NewReaderSize(c, 512)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != want {
		t.Errorf("response: got %v, %v; want %d", resp, err, want)
		return
	}
	if i%4 == 1 {
		return // cut
	}
	c.Write([]byte{0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8}) // 1000; a refused one does not care
	io.Copy(io.Discard, br)
}
