package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
)

func TestUpstreamThatAcceptsNobody(t *testing.T) {
	// A listener whose queue is full drops what else comes.
	b := newTestBroker(t, fmt.Sprintf("dial_timeout: 200ms\nupstreams: {main: http://%s}\nroutes: [{path: /, upstream: main}]\n", fullAddress(t)))
	exchange(t, b.address, upgradeHead).wantStatus(t, 504)
}

// TestDrainWhileDialling has an upgrade under way that has no upstream yet.
func TestDrainWhileDialling(t *testing.T) {
	b := newTestBroker(t, "drain: {deadline: 10s}\n"+oneRoute("http://"+fullAddress(t)))
	c := dialRaw(t, b.address)
	io.WriteString(c, upgradeHead)
	wantSoon(t, "claims", 1, func() uint64 { return b.Stats().Handshake.Claims })
	b.wantStop(t, 3*time.Second)
	if resp, _ := readHead(t, c); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("upgrade under way: got %s, want 503", resp.Status)
	}
}

// fullAddress returns the address of a listener that lets nobody in: its queue
// is full, so that the system drops further attempts.
func fullAddress(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", sa.(*syscall.SockaddrInet4).Port)
	for {
		c, err := net.DialTimeout("tcp", address, 100*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { c.Close() })
	}
}
