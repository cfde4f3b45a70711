package upstream

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"usher/proxy/config"
)

// A container that was started anew has another address: who finds that nobody
// listens at the old one gets a connection to the new one, by IPv6 too.
func TestNewAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{addresses: "10.0.0.1 10.0.0.2", down: make(map[string]bool)}
		u := newZone(t, z)
		z.wantTried(t, u, "the first", 1, "10.0.0.1:80")
		time.Sleep(time.Second)

		z.addresses, z.down["10.0.0.2"] = "2001:db8::1", true
		z.wantTried(t, u, "one refuses", 1, "10.0.0.2:80", "10.0.0.1:80")
		z.wantLookups(t, "one refuses", 1)
		z.down["10.0.0.1"] = true
		z.wantTried(t, u, "all refuse", 2, "10.0.0.1:80", "10.0.0.2:80", "[2001:db8::1]:80", "[2001:db8::1]:80")
		z.wantLookups(t, "all refuse", 2)
		if s := u.stats().Endpoints[0]; s.State != Healthy || s.DialFailures["refused"] != 0 {
			t.Errorf("endpoint: got %+v, want it healthy, without failure", s)
		}

		time.Sleep(time.Second)
		z.addresses, z.down["2001:db8::1"] = "2001:db8::1 10.0.0.9", true
		z.wantTried(t, u, "one more", 1, "[2001:db8::1]:80", "10.0.0.9:80")
		z.wantLookups(t, "one more", 3)
	})
}

// A name is not looked up more often than every 500 ms, whoever fails.
func TestPauseBetweenLookups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{addresses: "10.0.0.1", down: map[string]bool{"10.0.0.1": true}}
		u := newZone(t, z)
		dial := func(why string, lookups int) {
			t.Helper()
			if _, _, err := u.DialNext(t.Context(), new(Tries)); kindOf(err) != Refused {
				t.Errorf("%s: got %v, want it refused", why, err)
			}
			z.wantLookups(t, why, lookups)
		}
		dial("the first", 1)
		dial("at once", 1)
		time.Sleep(inquiryPause - time.Millisecond)
		dial("before the pause is over", 1)
		time.Sleep(time.Millisecond)
		dial("after it", 2)
		z.addresses = "" // the name is gone as long as nothing runs
		time.Sleep(inquiryPause)
		dial("no such name", 3)
		dial("no such name, at once", 3)
		z.addresses = "10.0.0.2"
		time.Sleep(inquiryPause)
		z.wantTried(t, u, "it is back", 1, "10.0.0.1:80", "10.0.0.2:80")
		z.wantLookups(t, "it is back", 4)
	})
}

func TestPauseWithoutAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{}
		u := newZone(t, z)
		for range 3 {
			if _, _, err := u.DialNext(t.Context(), new(Tries)); kindOf(err) != Name {
				t.Errorf("got %v, want a failure of the name", err)
			}
		}
		z.wantLookups(t, "three requests", 1)
		time.Sleep(inquiryPause)
		z.addresses = "10.0.0.1"
		z.wantTried(t, u, "it is there", 1, "10.0.0.1:80")
	})
}

// Of many that fail at once one looks up, and all take what it finds. If it is
// given up, the next does it.
func TestOneLookupForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{addresses: "10.0.0.1", down: make(map[string]bool)}
		u := newZone(t, z)
		z.wantTried(t, u, "the first", 1, "10.0.0.1:80")
		time.Sleep(time.Second)
		z.down["10.0.0.1"] = true
		asked := make(chan chan []netip.Addr)
		u.settings.Lookup = func(ctx context.Context, _ string) ([]netip.Addr, error) {
			answer := make(chan []netip.Addr)
			asked <- answer
			select {
			case list := <-answer:
				return list, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		u.settings.Dial = func(_ context.Context, _, address string) (net.Conn, error) { // the zone's is for one at a time
			if address == "10.0.0.1:80" {
				return nil, fmt.Errorf("refused")
			}
			a, b := net.Pipe()
			b.Close()
			return a, nil
		}
		ctx, giveUp := context.WithCancel(t.Context())
		var all sync.WaitGroup
		dial := func(ctx context.Context, want bool) {
			all.Go(func() {
				conn, err := u.Endpoints()[0].Dial(ctx)
				if (err == nil) != want {
					t.Errorf("dial: got %v, want a connection: %t", err, want)
				}
				if err == nil {
					conn.Close()
				}
			})
		}
		dial(ctx, false)
		<-asked
		for range 50 {
			dial(t.Context(), true)
		}
		synctest.Wait()
		giveUp()
		answer := <-asked
		synctest.Wait()
		answer <- []netip.Addr{netip.MustParseAddr("10.0.0.2")}
		all.Wait()
	})
}

// All who wait for a slow lookup take what it brings, and the pause counts from
// its end.
func TestOneSlowLookupForAll(t *testing.T) {
	for _, addresses := range []string{"10.0.0.1", ""} {
		synctest.Test(t, func(t *testing.T) {
			z := &zone{addresses: addresses}
			u := newZone(t, z)
			fast := u.settings.Lookup
			u.settings.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
				list, err := fast(ctx, host)
				time.Sleep(inquiryPause + 200*time.Millisecond)
				return list, err
			}
			e := u.Endpoints()[0]
			look := func(why string, n, lookups int, took time.Duration) {
				t.Helper()
				began := time.Now()
				var all sync.WaitGroup
				for range n {
					all.Go(func() {
						list, _, err := e.names.look(t.Context(), time.Hour, e.settings.lookup)
						if found := len(list) > 0; found != (addresses != "") || found != (err == nil) {
							t.Errorf("%s: got %v, %v, want %q", why, list, err, addresses)
						}
					})
				}
				all.Wait()
				if got := time.Since(began); got != took {
					t.Errorf("%s: took %v, want %v", why, got, took)
				}
				z.wantLookups(t, why, lookups)
			}
			look("at first", 50, 1, 700*time.Millisecond)
			look("at once", 50, 1, 0)
			time.Sleep(inquiryPause - time.Millisecond)
			look("before the pause is over", 50, 1, 0)
			time.Sleep(time.Millisecond)
			if addresses == "" {
				look("after it", 50, 2, 700*time.Millisecond)
			}
		})
	}
}

// A request waits for the addresses no longer than for a connection, also if
// its client would.
func TestAddressesOfASilentNameServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newZone(t, &zone{})
		u.settings.Lookup = func(ctx context.Context, _ string) ([]netip.Addr, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Hour):
				return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
			}
		}
		began := time.Now()
		if got := u.Endpoints()[0].addresses(t.Context()); len(got) > 0 || time.Since(began) != 6*time.Second {
			t.Errorf("got %v after %v, want none after the dial timeout, 6s", got, time.Since(began))
		}
	})
}

// An address from which nothing comes must not use up the time for the next.
func TestNewAddressWhenTheOldIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{addresses: "10.0.0.1", slow: make(map[string]bool)}
		u := newZone(t, z)
		z.wantTried(t, u, "the first", 1, "10.0.0.1:80")
		time.Sleep(time.Second)
		z.addresses, z.slow["10.0.0.1"] = "10.0.0.2", true
		began := time.Now()
		z.wantTried(t, u, "silent", 1, "10.0.0.1:80", "10.0.0.2:80")
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("silent: got a connection in %v, want half of the dial timeout, 3s", took)
		}
	})
}

// A name server that says nothing must not use up the time either.
func TestSilentNameServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{addresses: "10.0.0.1"}
		u := newZone(t, z)
		z.wantTried(t, u, "the first", 1, "10.0.0.1:80")
		time.Sleep(31 * time.Second)
		u.settings.Lookup = func(ctx context.Context, _ string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		z.wantTried(t, u, "the name server is silent", 2, "10.0.0.1:80", "10.0.0.1:80")
	})
}

// nameServer answers for one name, by UDP.
type nameServer struct {
	conn net.PacketConn

	mu        sync.Mutex
	addresses []netip.Addr    // guarded by mu
	asked     map[string]bool // types; guarded by mu
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{conn: conn, asked: make(map[string]bool)}
	done := make(chan struct{})
	go func() { defer close(done); s.serve() }()
	t.Cleanup(func() { conn.Close(); <-done })
	return s
}

func (s *nameServer) set(addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addresses = nil
	for _, a := range addresses {
		s.addresses = append(s.addresses, netip.MustParseAddr(a))
	}
}

func (s *nameServer) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		m.Response, m.Authoritative, m.Additionals = true, true, nil
		m.Answers = s.answers(m.Questions[0])
		if out, err := m.Pack(); err == nil {
			s.conn.WriteTo(out, from)
		}
	}
}

func (s *nameServer) answers(q dnsmessage.Question) (list []dnsmessage.Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[q.Type.String()] = true
	for _, a := range s.addresses {
		var body dnsmessage.ResourceBody
		switch {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			body = &dnsmessage.AResource{A: a.As4()}
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			body = &dnsmessage.AAAAResource{AAAA: a.As16()}
		default:
			continue
		}
		list = append(list, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 600}, Body: body})
	}
	return list
}

// The same with a real name server and real sockets.
func TestNewAddressOfARealName(t *testing.T) {
	dns := newNameServer(t)
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		l, err = net.Listen("tcp4", "127.0.0.3:0") // a machine without IPv6
	}
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	p := NewPool(nil)
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", dns.conn.LocalAddr().String())
	}}
	p.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
		return resolver.LookupNetIP(ctx, "ip", host)
	}
	u := p.Next([]*config.Upstream{{
		Name: "chat", DialTimeout: 5 * time.Second, Resolve: time.Hour,
		Endpoints: []config.Endpoint{{Scheme: config.HTTP, Address: "chat.usher.test:" + port}},
	}}, nil).Get("chat")
	e := u.Endpoints()[0]

	dns.set("127.0.0.2") // nobody listens there
	if _, err := e.Dial(t.Context()); kindOf(err) != Refused {
		t.Fatalf("old address: got %v, want it refused", err)
	}
	dns.set("127.0.0.2", host)
	var conn net.Conn
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if conn, err = e.Dial(t.Context()); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatalf("new address: %v", err)
	}
	conn.Close()
	if dns.mu.Lock(); !dns.asked["TypeA"] || !dns.asked["TypeAAAA"] {
		t.Errorf("asked for: got %v, want A and AAAA", dns.asked)
	}
	dns.mu.Unlock()
}
