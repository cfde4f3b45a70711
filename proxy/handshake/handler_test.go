package handshake

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"usher/proxy/config"
)

func TestPlainRequestIsForwarded(t *testing.T) {
	s := newTestServer(t, good())
	res, body := s.send(t, request("/page", "-Upgrade", "Connection: close")).answer(t)
	if res.StatusCode != http.StatusOK || body != "forwarded" {
		t.Errorf("got %d %q, want 200 from Forward", res.StatusCode, body)
	}
}

func TestMessagesGetsACheckedClaim(t *testing.T) {
	messages := func(r *config.Route) { r.Relay, r.Path, r.StripPrefix = config.Messages, "/old", "/old" }
	s := newTestServer(t, good(), messages)
	if _, body := s.send(t, request("/old/x")).answer(t); body != "messages /x" {
		t.Errorf("got %q, want the claim's path from Messages", body)
	}
	wantRefusedUntouched(t, http.StatusForbidden, map[string]string{
		"foreign origin": request("/old/x", "Origin: https://evil.com"),
	}, messages)
}

func TestMethodsThatAreNotServed(t *testing.T) {
	for _, method := range []string{"CONNECT", "TRACE"} {
		s := newTestServer(t, good())
		r := httptest.NewRequest(method, "/", nil)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
			t.Errorf("%s: got %d, Allow %q, want 405 with Allow", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestDuplicateClaimIsCountedAndRefused(t *testing.T) {
	s := newTestServer(t, says("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"))
	ctx := ConnContext(t.Context(), nil)
	for _, want := range []int{http.StatusForbidden, http.StatusInternalServerError} {
		r := httptest.NewRequestWithContext(ctx, "GET", "/ws", nil)
		for _, h := range []string{"Upgrade: websocket", "Connection: Upgrade", "Sec-Websocket-Version: 13", "Sec-Websocket-Key: " + testKey} {
			name, value, _ := strings.Cut(h, ": ")
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("status: got %d, want %d", w.Code, want)
		}
	}
	if st := s.Stats(); st.Claims != 1 || st.DuplicateClaims != 1 || s.Refusals.Reasons()["duplicate"] != 1 {
		t.Errorf("stats: got %+v, want 1 claim and 1 duplicate", st)
	}
	if n := s.upstream.accepted.Load(); n != 1 {
		t.Errorf("connections to the upstream: got %d, want 1", n)
	}
}

func TestRefusedPlainRequestKeepsItsConnection(t *testing.T) {
	s := newTestServer(t, good(), func(r *config.Route) { r.Path = "/a" })
	plain := request("/b", "-Upgrade", "-Connection")
	c := s.send(t, plain+plain)
	for range 2 {
		if res, _ := c.answer(t); res.StatusCode != http.StatusNotFound || res.Close {
			t.Errorf("got %d, close %t, want 404 on a connection that stays", res.StatusCode, res.Close)
		}
	}
	body := s.send(t, request("POST /b", "-Upgrade", "-Connection", "Content-Length: 3")+"abc")
	if res, _ := body.answer(t); !res.Close {
		t.Error("refusal with a body behind it: got no Connection: close")
	}
	if _, err := io.ReadAll(body); err != nil {
		t.Errorf("after it: got %v, want the end", err)
	}
}
