package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy/config"
)

// zone is a name server and the servers behind its addresses.
type zone struct {
	addresses string          // of the one name, with spaces between; "" is an error
	down      map[string]bool // addresses that refuse
	slow      map[string]bool // addresses that never answer
	lookups   int
	tried     []string
}

// newZone returns an upstream of one endpoint whose name is z's.
func newZone(t *testing.T, z *zone) *Upstream {
	t.Helper()
	p := NewPool(nil)
	p.Lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
		z.lookups++
		if host != "chat.internal" || z.addresses == "" {
			return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
		}
		var list []netip.Addr
		for a := range strings.FieldsSeq(z.addresses) {
			list = append(list, netip.MustParseAddr(a))
		}
		return list, nil
	}
	p.Dial = func(ctx context.Context, _, address string) (net.Conn, error) {
		z.tried = append(z.tried, address)
		host, _, _ := net.SplitHostPort(address)
		switch {
		case z.slow[host]:
			<-ctx.Done()
			return nil, ctx.Err()
		case z.down[host]:
			return nil, syscall.ECONNREFUSED
		}
		a, b := net.Pipe()
		t.Cleanup(func() { a.Close(); b.Close() })
		return a, nil
	}
	return p.Next([]*config.Upstream{{
		Name: "chat", DialTimeout: 6 * time.Second, Resolve: 30 * time.Second,
		Endpoints: []config.Endpoint{{Scheme: config.HTTP, Address: "chat.internal:80"}},
	}}, nil).Get("chat")
}

// wantTried dials n times and wants these addresses to be tried.
func (z *zone) wantTried(t *testing.T, u *Upstream, why string, n int, want ...string) {
	t.Helper()
	z.tried = nil
	for range n {
		e, conn, err := u.DialNext(t.Context(), new(Tries))
		if err != nil {
			t.Errorf("%s: got %v, want a connection", why, err)
			continue
		}
		conn.Close()
		e.Release()
	}
	if fmt.Sprint(z.tried) != fmt.Sprint(want) {
		t.Errorf("%s: got %v tried, want %v", why, z.tried, want)
	}
}

func (z *zone) wantLookups(t *testing.T, why string, want int) {
	t.Helper()
	if z.lookups != want {
		t.Errorf("%s: got %d lookups, want %d", why, z.lookups, want)
	}
}

func TestNameWithSeveralAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{addresses: "10.0.0.3 10.0.0.1 ::ffff:10.0.0.1 2001:db8::1", down: make(map[string]bool), slow: make(map[string]bool)}
		u := newZone(t, z)
		z.wantTried(t, u, "in turn", 4, "10.0.0.1:80", "10.0.0.3:80", "[2001:db8::1]:80", "10.0.0.1:80")

		z.down["10.0.0.3"] = true
		z.wantTried(t, u, "one is down", 4, "10.0.0.3:80", "[2001:db8::1]:80", "[2001:db8::1]:80", "10.0.0.1:80", "[2001:db8::1]:80")
		if s := u.stats().Endpoints[0]; s.State != Healthy || s.DialFailures["refused"] != 0 || len(s.Addresses) != 3 {
			t.Errorf("endpoint with one address down: got %+v, want it healthy, without failure", s)
		}
		z.wantLookups(t, "so far", 1)

		z.addresses, z.down["10.0.0.3"] = "10.0.0.3 10.0.0.9", false
		time.Sleep(31 * time.Second)
		z.wantTried(t, u, "other addresses", 2, "10.0.0.3:80", "10.0.0.9:80")
		z.wantLookups(t, "so far", 2)

		z.addresses = ""
		time.Sleep(31 * time.Second)
		z.wantTried(t, u, "the name server is down", 2, "10.0.0.3:80", "10.0.0.9:80")
		z.wantLookups(t, "so far", 3)
		time.Sleep(nameRetry)
		z.wantTried(t, u, "it is asked again soon", 1, "10.0.0.3:80")
		z.wantLookups(t, "so far", 4)
	})
}

// The time for all addresses is that for one connection.
func TestSlowAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{addresses: "10.0.0.1 10.0.0.2 10.0.0.3", slow: map[string]bool{"10.0.0.1": true}}
		u := newZone(t, z)
		began := time.Now()
		z.wantTried(t, u, "one is slow", 1, "10.0.0.1:80", "10.0.0.2:80")
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("one is slow: got a connection in %v, want its third of the dial timeout, 2s", took)
		}
		z.slow["10.0.0.2"], z.slow["10.0.0.3"] = true, true
		began = time.Now()
		_, _, err := u.DialNext(t.Context(), new(Tries))
		if de, ok := errors.AsType[*DialError](err); !ok || de.Kind != Timeout {
			t.Errorf("all are slow: got %v, want a timeout", err)
		}
		if took := time.Since(began); took != 6*time.Second {
			t.Errorf("all are slow: took %v, want the dial timeout, 6s", took)
		}
	})
}

// While a name is looked up again, nobody but who does that waits.
func TestLookupHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{addresses: "10.0.0.1"}
		u := newZone(t, z)
		z.wantTried(t, u, "the first", 1, "10.0.0.1:80")
		time.Sleep(31 * time.Second)
		answer := make(chan struct{})
		u.settings.Lookup = func(context.Context, string) ([]netip.Addr, error) {
			<-answer
			return []netip.Addr{netip.MustParseAddr("10.0.0.2")}, nil
		}
		waiting := make(chan error)
		go func() {
			conn, err := u.Endpoints()[0].Dial(t.Context())
			if err == nil {
				conn.Close()
			}
			waiting <- err
		}()
		synctest.Wait()
		z.wantTried(t, u, "others meanwhile", 2, "10.0.0.1:80", "10.0.0.1:80")
		close(answer)
		if err := <-waiting; err != nil {
			t.Errorf("who has looked it up: got %v, want a connection", err)
		}
		z.wantTried(t, u, "others afterwards", 1, "10.0.0.2:80")
	})
}

func TestNameWithoutAddress(t *testing.T) {
	u := newZone(t, &zone{})
	_, _, err := u.DialNext(t.Context(), new(Tries))
	if de, ok := errors.AsType[*DialError](err); !ok || de.Kind != Name {
		t.Errorf("Dial: got %v, want a failure of the name", err)
	}
	if s := u.stats().Endpoints[0]; s.State != CircuitOpen || s.DialFailures["name"] != 1 {
		t.Errorf("endpoint: got %+v, want an open circuit", s)
	}
}

func TestOnlyNamesAreLookedUp(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:80": false, "[::1]:80": false, "[fe80::1%eth0]:80": false, "localhost:80": true, "a.example.com:80": true,
	} {
		if got := newNames("tcp", address) != nil; got != want {
			t.Errorf("%s: got %t, want %t", address, got, want)
		}
	}
	if newNames("unix", "/run/a:80") != nil {
		t.Error("unix socket: got a name to look up")
	}
}
