package upstream

import (
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/proxy/config"
)

func newTestEndpoint(t *testing.T, scheme config.Scheme, address string) (*Pool, *Endpoint) {
	t.Helper()
	p := NewPool([]*config.Upstream{{
		Name: "main", DialTimeout: 5 * time.Second,
		Endpoints: []config.Endpoint{{Scheme: scheme, Address: address}},
	}})
	return p, p.Get("main").Endpoints()[0]
}

func newTestTLS(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestDialUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, e := newTestEndpoint(t, config.Unix, path)
	conn, err := e.Dial(t.Context())
	if err != nil {
		t.Fatalf("Dial: got %v, want a connection", err)
	}
	conn.Close()
	if got, want := e.String(), "unix:"+path; got != want {
		t.Errorf("String: got %q, want %q", got, want)
	}
}

// wrapped marks a connection as one that went through Pool.Wrap.
type wrapped struct {
	net.Conn
	reads int
}

func (w *wrapped) Read(p []byte) (int, error) {
	w.reads++
	return w.Conn.Read(p)
}

func TestDialTLSRunsOverTheWrappedConnection(t *testing.T) {
	s := newTestTLS(t)
	p, e := newTestEndpoint(t, config.HTTPS, s.Listener.Addr().String())
	p.Roots = x509.NewCertPool()
	p.Roots.AddCert(s.Certificate())
	var under *wrapped
	p.Wrap = func(c net.Conn) net.Conn {
		under = &wrapped{Conn: c}
		return under
	}
	conn, err := e.Dial(t.Context())
	if err != nil {
		t.Fatalf("Dial: got %v, want a connection", err)
	}
	defer conn.Close()
	if under == nil || under.reads == 0 {
		t.Error("TLS did not read from the wrapped connection")
	}
}

func TestDialTLSVerifies(t *testing.T) {
	s := newTestTLS(t)
	p, e := newTestEndpoint(t, config.HTTPS, s.Listener.Addr().String())
	p.Roots = x509.NewCertPool() // trusts nobody
	conn, err := e.Dial(t.Context())
	if err == nil {
		conn.Close()
		t.Fatal("Dial to an unknown certificate: got a connection")
	}
	if !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error: got %q, want the certificate named", err)
	}
}

func TestDialErrorText(t *testing.T) {
	address := closedAddress(t)
	_, e := newTestEndpoint(t, config.HTTP, address)
	_, err := e.Dial(t.Context())
	if err == nil {
		t.Fatal("Dial: got a connection")
	}
	if got, want := err.Error(), "dial "+address+": connection refused"; got != want {
		t.Errorf("error: got %q, want %q", got, want)
	}
}

func TestTLSDeadlineIsATimeout(t *testing.T) {
	l := newTestServer(t) // accepts, and says nothing
	_, e := newTestEndpoint(t, config.HTTPS, l.Addr().String())
	e.dialTimeout.Store(int64(20 * time.Millisecond))
	_, err := e.Dial(t.Context())
	if de, ok := errors.AsType[*DialError](err); !ok || !de.Timeout() {
		t.Errorf("Dial: got %v, want a timeout", err)
	}
}
