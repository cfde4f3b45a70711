package handshake

import (
	"net"
	"net/http"
	"testing"
	"time"

	"usher/proxy/config"
)

func TestAttack10TargetsWithAHost(t *testing.T) {
	// The rest of this row is told apart on the wire, in package http1.
	wantRefusedUntouched(t, http.StatusBadRequest, map[string]string{
		"absolute form": request("http://other.com/ws"),
		"asterisk":      request("*"),
		"two hosts":     request("/ws", "+Host: other.com"),
		"two lengths":   request("POST /ws", "-Upgrade", "Content-Length: 1", "+Content-Length: 2"),
	})
}

func TestAttack12HostChoosesNoAddress(t *testing.T) {
	// A listener that nobody may be led to by what a request says.
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	address := inner.Addr().String()

	t.Run("unknown host", func(t *testing.T) {
		s := newTestServer(t, good(), func(r *config.Route) { r.Host = "app.example.com" })
		res, _ := s.send(t, request("/ws", "Host: "+address)).answer(t)
		if res.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("status: got %d, want 421", res.StatusCode)
		}
		s.upstream.wantUntouched(t)
	})
	t.Run("host of another server", func(t *testing.T) {
		s := newTestServer(t, good())
		s.send(t, request("/ws", "Host: "+address)).answer(t)
		p := s.wantPair(t)
		if got, want := p.Upstream.RemoteAddr().String(), s.upstream.listener.Addr().String(); got != want {
			t.Errorf("connected to %s, want %s", got, want)
		}
	})
	wantRefusedUntouched(t, http.StatusBadRequest, map[string]string{
		"absolute": request("http://" + address + "/ws"),
		"userinfo": request("http://user@" + address + "/ws"),
		"no slash": request("@" + address + "/ws"),
	})
	inner.(*net.TCPListener).SetDeadline(time.Now())
	if conn, err := inner.Accept(); err == nil {
		conn.Close()
		t.Error("a request led usher to an address of its own choice")
	}
}

func TestAttack13PathConfusion(t *testing.T) {
	socketIO := func(r *config.Route) { r.Path = "/socket.io" }
	for _, path := range []string{"/socket.io-admin/", "/socket.ioadmin", "/admin", "/"} {
		t.Run("sibling "+path, func(t *testing.T) {
			s := newTestServer(t, good(), socketIO)
			s.wantRefused(t, request(path), http.StatusNotFound)
			s.upstream.wantUntouched(t)
		})
	}
	// Whatever form a path comes in: the upstream gets the form that matched,
	// or nothing.
	for _, path := range []string{
		"/socket.io/%2e%2e/admin", "/socket.io/../admin", "/socket.io//x", "/socket.io/%2fadmin",
		"/socket.io/..;/admin", "/socket.io/%5c..%5cadmin", "/socket.io/%", "/socket.io/%00", "/./socket.io/x",
	} {
		t.Run("form "+path, func(t *testing.T) {
			s := newTestServer(t, good(), socketIO)
			m, err := s.Table.Match("example.com", path, true)
			res, _ := s.send(t, request(path)).answer(t)
			if err != nil {
				if res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusNotFound {
					t.Errorf("status: got %d, want 400 or 404", res.StatusCode)
				}
				s.upstream.wantUntouched(t)
				return
			}
			s.wantPair(t)
			wantContains(t, "request", s.upstream.received(), "GET "+m.UpstreamPath()+" HTTP/1.1\r\n")
			if again, err := s.Table.Match("example.com", m.Path, true); err != nil || again.Path != m.Path {
				t.Errorf("normal form of %q is not stable: %q, %v", m.Path, again.Path, err)
			}
		})
	}
}
