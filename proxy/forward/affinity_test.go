package forward

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"usher/proxy/config"
)

// led gives the route's upstream this affinity.
func led(a config.Affinity) func(*config.Route) {
	return func(r *config.Route) { r.Upstream.Affinity = a }
}

const opened = `0{"sid":"abc","upgrades":[]}`

// What begins a session gets its tag, and its length is right; nothing else of
// an answer changes.
func TestAnswerThatOpensASession(t *testing.T) {
	long := strings.Repeat("x", 3*maxOpening)
	for _, tt := range []struct {
		name, query, head, body string
		status                  int
		tagged, chunked         bool
	}{
		{"whole", "EIO=4&transport=polling", "", opened, 200, true, false},
		{"in parts", "EIO=4&transport=polling", "", opened, 200, true, true},
		{"more behind", "EIO=4&transport=polling", "", opened + long, 200, true, false},
		{"no sid", "EIO=4&transport=polling", "", long, 200, false, false},
		{"nothing", "EIO=4&transport=polling", "", "", 200, false, false},
		{"revision 3", "EIO=3&transport=polling", "", "28:" + opened, 200, false, false},
		{"compressed", "EIO=4&transport=polling", "gzip", opened, 200, false, false},
		{"refused", "EIO=4&transport=polling", "", opened, 403, false, false},
		{"not polling", "EIO=4&transport=other", "", opened, 200, false, false},
		{"not Engine.IO's", "transport=polling", "", opened, 200, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			encodings := make(chan []string, 1)
			up := newTestUpstream(t, func(w http.ResponseWriter, r *http.Request) {
				encodings <- r.Header["Accept-Encoding"]
				if tt.head != "" {
					w.Header().Set("Content-Encoding", tt.head)
				}
				if !tt.chunked {
					w.Header().Set("Content-Length", fmt.Sprint(len(tt.body)))
				}
				w.WriteHeader(tt.status)
				for i := range len(tt.body) {
					if io.WriteString(w, tt.body[i:i+1]); tt.chunked {
						w.(http.Flusher).Flush()
					}
				}
			})
			s := newTestServer(t, led(config.AffinityEngineIO), up, closedAddress(t))
			res, body := s.exchange(t, "GET /?"+tt.query+" HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n")
			bare := strings.Replace(body, cutTag(body), "", 1)
			if res.StatusCode != tt.status || bare != tt.body || (cutTag(body) != "") != tt.tagged {
				t.Errorf("got %d %.60q, want %.60q, with a tag: %t", res.StatusCode, body, tt.body, tt.tagged)
			}
			if length := res.ContentLength; tt.chunked != (length < 0) || !tt.chunked && length != int64(len(body)) {
				t.Errorf("length: got %d, want that of %d bytes", length, len(body))
			}
			opens := strings.HasPrefix(tt.query, "EIO") && strings.HasSuffix(tt.query, "=polling")
			if got := <-encodings; (len(got) == 0) != opens {
				t.Errorf("Accept-Encoding: got %q, want it but where the answer must be read", got)
			}
		})
	}
}

// cutTag returns the tag of the sid abc, with its separator.
func cutTag(body string) string {
	_, rest, ok := strings.Cut(body, `"sid":"abc`)
	tag, _, _ := strings.Cut(rest, `"`)
	if !ok || strings.HasPrefix(rest, `"`) {
		return ""
	}
	return tag
}

// A poll is not held back for what it may bring.
func TestAnswerOfASessionStreams(t *testing.T) {
	more := make(chan struct{})
	up := newTestUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("sid") == "" {
			io.WriteString(w, opened)
			return
		}
		io.WriteString(w, "4first")
		w.(http.Flusher).Flush()
		<-more
	})
	defer close(more)
	s := newTestServer(t, led(config.AffinityEngineIO), up, closedAddress(t))
	_, body := s.exchange(t, "GET /?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n")
	_, br := s.send(t, "GET /?EIO=4&transport=polling&sid=abc"+cutTag(body)+" HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, len("4first"))
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "4first" {
		t.Errorf("first packet while the answer goes on: got %q, %v", first, err)
	}
}

// Behind each address of a name stands another process.
func TestSessionStaysAtItsAddress(t *testing.T) {
	const addresses = "127.0.0.1 127.0.0.2 127.0.0.3"
	port := "0"
	for a := range strings.FieldsSeq(addresses) {
		l, err := net.Listen("tcp", net.JoinHostPort(a, port))
		if err != nil {
			t.Skip("only on Linux is all of 127.0.0.0/8 there: ", err)
		}
		_, port, _ = net.SplitHostPort(l.Addr().String())
		up := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Served-By", a)
			if r.URL.Query().Get("sid") == "" {
				io.WriteString(w, opened)
			}
		})}}
		up.Start()
		t.Cleanup(up.Close)
	}
	for _, affinity := range []config.Affinity{config.AffinityEngineIO, config.AffinityCookie} {
		t.Run(string(affinity), func(t *testing.T) {
			s := newTestServer(t, func(r *config.Route) { r.Upstream.Affinity, r.Upstream.Resolve = affinity, time.Minute }, "chat.internal:"+port)
			s.Upstreams.Lookup = func(context.Context, string) (list []netip.Addr, err error) {
				for a := range strings.FieldsSeq(addresses) {
					list = append(list, netip.MustParseAddr(a))
				}
				return list, nil
			}
			used := make(map[string]bool)
			for range 12 {
				res, body := s.exchange(t, "GET /?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
				where := res.Header.Get("X-Served-By")
				used[where] = true
				cookie, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
				for range 3 {
					again, _ := s.exchange(t, "GET /?EIO=4&transport=polling&sid=abc"+cutTag(body)+" HTTP/1.1\r\nHost: a\r\nCookie: "+cookie+"\r\nConnection: close\r\n\r\n")
					if got := again.Header.Get("X-Served-By"); got != where {
						t.Errorf("got %q, want %s again", got, where)
					}
				}
				s.Transports.CloseIdleConnections() // the next goes to another address
			}
			if len(used) != 3 {
				t.Errorf("addresses: got %v, want all", used)
			}
		})
	}
}
