package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/proxy/config"
	"usher/proxy/headers"
	"usher/proxy/refusal"
)

// newTestService returns what asks a service that answers so.
func newTestService(t *testing.T, h http.HandlerFunc, change ...func(*config.ForwardAuth)) *service {
	t.Helper()
	up := httptest.NewServer(h)
	t.Cleanup(up.Close)
	a := &config.ForwardAuth{URL: up.URL + "/check?x=1", Headers: []string{"X-User", "X-Roles"}, Timeout: 5 * time.Second, Expiry: config.Expiry{Code: 3000}}
	for _, f := range change {
		f(a)
	}
	k := NewKeeper(nil)
	t.Cleanup(k.Close)
	return newService(a, k.client(a.URL), new(config.Config), slog.New(slog.DiscardHandler))
}

func clientOf(t testing.TB, target string, head ...string) question {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", target, strings.NewReader("body"))
	for i := 0; i < len(head); i += 2 {
		r.Header.Add(head[i], head[i+1])
	}
	a := netip.MustParseAddr("192.0.2.1")
	return question{r, headers.Sender{Peer: a, Client: a, Host: "app.test", Proto: "https", ID: "id"}}
}

// What a service is told, and what it is not.
func TestServiceIsTold(t *testing.T) {
	got := make(chan *http.Request, 1)
	s := newTestService(t, func(w http.ResponseWriter, r *http.Request) { got <- r })
	_, err := s.check(clientOf(t, "/a/b?q=1",
		"Cookie", "session=1", "Authorization", "Bearer x", "User-Agent", "test",
		"Connection", "Upgrade, X-Mine", "X-Mine", "hop", "Upgrade", "websocket", "Sec-WebSocket-Key", "k", "Sec-WebSocket-Protocol", "bearer.x",
		"Content-Type", "text/plain", "Content-Length", "4", "Expect", "100-continue", "If-None-Match", `"x"`, "Range", "bytes=0-1",
		"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Uri", "/lie", "X-Original-URL", "https://lie/", "X_Forwarded_Method", "GET", "X_Original_Url", "https://lie/", "X-Original_method", "HEAD"), now)
	if err != nil {
		t.Fatal(err)
	}
	r := <-got
	if r.Method != "GET" || r.RequestURI != "/check?x=1" || r.ContentLength != 0 {
		t.Errorf("got %s %s of %d bytes", r.Method, r.RequestURI, r.ContentLength)
	}
	want := http.Header{
		"Cookie": {"session=1"}, "Authorization": {"Bearer x"}, "User-Agent": {"test"},
		"X-Forwarded-Method": {"POST"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"app.test"}, "X-Forwarded-Uri": {"/a/b?q=1"}, "X-Forwarded-For": {"192.0.2.1"},
		"X-Original-Url": {"https://app.test/a/b?q=1"}, "X-Original-Method": {"POST"}, "X-Real-Ip": {"192.0.2.1"},
	}
	if !reflect.DeepEqual(r.Header, want) {
		t.Errorf("got %v\nwant %v", r.Header, want)
	}
}

// What a service says is what its client hears, unless it makes no sense: then
// nobody comes in.
func TestServiceSays(t *testing.T) {
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				io.WriteString(c, text)
				c.Close()
			}
		}
	}
	tests := []struct {
		name   string
		says   http.HandlerFunc
		status int // 0 for who comes in
		grant  Grant
	}{
		{"204", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-User", "u1")
			w.Header().Add("X-Roles", "a")
			w.Header().Add("X-Roles", "b")
			w.Header().Set("X-Other", "no")
			w.Header().Set("Set-Cookie", "fresh=1")
			w.WriteHeader(204)
		}, 0, Grant{Headers: []config.Header{{Name: "X-User", Value: "u1"}, {Name: "X-Roles", Value: "a,b"}}, Cookies: []string{"fresh=1"}}},
		{"an end", raw("HTTP/1.1 200 OK\r\nX-Auth-Expires: 1700000060\r\nContent-Length: 0\r\n\r\n"), 0, Grant{Expires: 1700000060, Code: 3000}},
		{"a body without end", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}, 0, Grant{}},
		{"302", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://id/login", http.StatusFound)
		}, 302, Grant{}},
		{"401", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Www-Authenticate", "Basic")
			http.Error(w, "no", http.StatusUnauthorized)
		}, 401, Grant{}},
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 500, Grant{}},
		{"a long no", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			io.WriteString(w, strings.Repeat("x", 1<<20))
		}, 403, Grant{}},
		{"101", raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), 503, Grant{}},
		{"nothing", raw(""), 503, Grant{}},
		{"no HTTP", raw("hello\r\n\r\n"), 503, Grant{}},
		{"1xx without end", raw(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 10000)), 503, Grant{}},
		{"a head without end", raw("HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 1000)), 503, Grant{}},
		{"a control character", raw("HTTP/1.1 200 OK\r\nX-User: a\x01b\r\nContent-Length: 0\r\n\r\n"), 503, Grant{}},
		{"one in a cookie", raw("HTTP/1.1 200 OK\r\nSet-Cookie: a=\x01b\r\nContent-Length: 0\r\n\r\n"), 503, Grant{}},
		{"one in a no", raw("HTTP/1.1 401 No\r\nX-Any: a\x01b\r\nContent-Length: 0\r\n\r\n"), 503, Grant{}},
		{"an end that is none", raw("HTTP/1.1 200 OK\r\nX-Auth-Expires: soon\r\nContent-Length: 0\r\n\r\n"), 503, Grant{}},
		{"two ends", raw("HTTP/1.1 200 OK\r\nX-Auth-Expires: 1700000060\r\nX-Auth-Expires: 1800000060\r\nContent-Length: 0\r\n\r\n"), 503, Grant{}},
		{"a no that breaks off", raw("HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nhalf"), 503, Grant{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newTestService(t, tt.says)
			g, err := s.check(clientOf(t, "/"), now)
			wantStatus(t, err, tt.status)
			if (g.Question.Text() != "") != (err == nil) {
				t.Errorf("to be asked again: got %q", g.Question.Text())
			}
			if g.Question = (Question{}); !reflect.DeepEqual(g, tt.grant) {
				t.Errorf("got %+v, want %+v", g, tt.grant)
			}
			if e, _ := errors.AsType[*refusal.Error](err); e != nil && (e.Reason == refusal.Auth) != (tt.status != 503) {
				t.Errorf("reason: got %v", e.Reason)
			} else if e != nil && e.Reply != nil && (len(e.Reply.Body) > mostAnswer || e.Reply.Header["Content-Length"] != nil || e.Reply.Header["Connection"] != nil) {
				t.Errorf("got %v with %d bytes", e.Reply.Header, len(e.Reply.Body))
			}
		})
	}
}

func wantStatus(t *testing.T, err error, status int) {
	t.Helper()
	e, _ := errors.AsType[*refusal.Error](err)
	if e == nil && (err != nil || status != 0) || e != nil && e.Status != status {
		t.Errorf("got %v, want %d", err, status)
	}
}

// A service that is slow lets nobody in, and one that is gone.
func TestServiceIsDown(t *testing.T) {
	hold := make(chan struct{})
	s := newTestService(t, func(http.ResponseWriter, *http.Request) { <-hold }, func(a *config.ForwardAuth) { a.Timeout = 50 * time.Millisecond })
	defer close(hold)
	_, err := s.check(clientOf(t, "/"), now)
	wantStatus(t, err, 503)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q := clientOf(t, "/other")
	q.Request = q.WithContext(ctx)
	if _, err = s.check(q, now); !errors.Is(err, context.Canceled) {
		t.Errorf("client that has gone: got %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	k := NewKeeper(nil)
	defer k.Close()
	gone := newService(&config.ForwardAuth{URL: "http://" + l.Addr().String(), Timeout: time.Second}, k.web, new(config.Config), slog.New(slog.DiscardHandler))
	_, err = gone.check(clientOf(t, "/"), now)
	wantStatus(t, err, 503)
}

// Those who ask the same at the same time ask once; others do not share an answer.
// No more than 256 questions wait.
func TestServiceIsAskedOnce(t *testing.T) {
	var asked atomic.Int64
	hold := make(chan struct{})
	s := newTestService(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		<-hold
		w.Header().Set("X-User", r.Header.Get("Cookie"))
	})
	var all sync.WaitGroup
	ask := func(cookie string) {
		q := clientOf(t, "/", "Cookie", cookie)
		q.sender.ID = fmt.Sprint(asked.Load(), cookie)
		all.Go(func() {
			g, err := s.check(q, now)
			if err != nil || len(g.Headers) != 1 || g.Headers[0].Value != cookie {
				t.Errorf("%s: got %v, %v", cookie, g, err)
			}
		})
	}
	for range 50 {
		ask("a=1")
		ask("a=2")
	}
	for i := range mostWaiting - 2 {
		ask(fmt.Sprintf("b=%d", i))
	}
	waitUntil(t, "all are asked", func() bool { return asked.Load() == mostWaiting })
	_, err := s.check(clientOf(t, "/", "Cookie", "one too many"), now)
	wantStatus(t, err, 503)
	close(hold)
	all.Wait()
	if n := asked.Load(); n != mostWaiting {
		t.Errorf("got %d questions, want %d", n, mostWaiting)
	}
}

func waitUntil(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in 10 s", what)
		}
	}
}

func TestServiceOfUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	up := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-User", r.URL.Path)
	})}}
	up.Start()
	defer up.Close()
	k := NewKeeper(nil)
	defer k.Close()
	a := &config.ForwardAuth{URL: "unix:" + socket + ":/check", Headers: []string{"X-User"}, Timeout: time.Second}
	g, err := newService(a, k.client(a.URL), new(config.Config), slog.New(slog.DiscardHandler)).check(clientOf(t, "/"), now)
	if err != nil || len(g.Headers) != 1 || g.Headers[0].Value != "/check" {
		t.Errorf("got %v, %v", g, err)
	}
}

// A cookie of the service is for one client, however alike two are.
func TestCookiesAreNotShared(t *testing.T) {
	var asked atomic.Int64
	hold := make(chan struct{})
	s := newTestService(t, func(w http.ResponseWriter, _ *http.Request) {
		n := asked.Add(1)
		<-hold
		w.Header().Set("Set-Cookie", fmt.Sprintf("session=%d", n))
	})
	var all sync.WaitGroup
	cookies := make(chan string, 3)
	ask := func() {
		q := clientOf(t, "/")
		all.Go(func() {
			if g, err := s.check(q, now); err != nil || len(g.Cookies) != 1 {
				t.Errorf("got %v, %v", g, err)
			} else {
				cookies <- g.Cookies[0]
			}
		})
	}
	for range cap(cookies) {
		ask()
	}
	waitUntil(t, "one is asked", func() bool { return asked.Load() > 0 })
	close(hold)
	all.Wait()
	close(cookies)
	seen := make(map[string]bool)
	for c := range cookies {
		if seen[c] {
			t.Errorf("%s: got it twice", c)
		}
		seen[c] = true
	}
}
