package forward

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"usher/proxy/config"
)

func TestRequestPassesAsItIs(t *testing.T) {
	address, heads := newRawUpstream(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\nhi")
	s := newTestServer(t, func(r *config.Route) {
		r.Path, r.StripPrefix = "/api", "/api"
		r.Headers = config.Headers{Set: []config.Header{{Name: "X-Service", Value: "main"}}, Remove: []string{"X-Debug"}}
	}, address)
	res, body := s.exchange(t, "GET /api/a%20b;c/%C3%A4?x=1;y&%zz=%2F HTTP/1.1\r\nHost: example.com:81\r\nX-Debug: 1\r\n"+
		"Connection: x-secret, keep-alive, x-forwarded-for\r\nX-Secret: 1\r\nX-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\n"+
		"TE: trailers, deflate\r\nProxy-Authorization: x\r\nHTTP2-Settings: x\r\nAccept: */*\r\n\r\n")
	if res.StatusCode != 200 || body != "hi" || len(res.Header["Set-Cookie"]) != 2 || res.Header.Get("X-Hop") != "" {
		t.Errorf("answer: got %d %q %v", res.StatusCode, body, res.Header)
	}
	head := <-heads
	if !strings.HasPrefix(head, "GET /a%20b;c/%C3%A4?x=1;y&%zz=%2F HTTP/1.1\r\nHost: example.com:81\r\n") {
		t.Errorf("request line and host: got %q, want them unchanged", head)
	}
	for _, want := range []string{"X-Service: main\r\n", "X-Forwarded-For: 127.0.0.1\r\n", "X-Forwarded-Proto: http\r\n",
		"X-Forwarded-Host: example.com:81\r\n", "Forwarded: for=127.0.0.1;host=\"example.com:81\";proto=http\r\n", "Te: trailers\r\n", "Accept: */*\r\n"} {
		if !strings.Contains(head, want) {
			t.Errorf("request: got %q, want %q in it", head, want)
		}
	}
	for _, name := range []string{"X-Debug", "X-Secret", "6.6.6.6", "Proxy-Auth", "Settings", "User-Agent", "Accept-Encoding", "Upgrade"} {
		if strings.Contains(head, name) {
			t.Errorf("request: got %q, want no %s in it", head, name)
		}
	}
}

func TestTrustedPeerIsContinued(t *testing.T) {
	address, heads := newRawUpstream(t, "HTTP/1.1 204 No Content\r\n\r\n")
	s := newTestServer(t, nil, address)
	s.Headers.Trusted = trusted
	s.exchange(t, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\nForwarded: for=192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Request-Id: id-1\r\n\r\n")
	head := <-heads
	for _, want := range []string{"X-Forwarded-For: 192.0.2.7, 127.0.0.1\r\n", "X-Forwarded-Proto: https\r\n", "X-Request-Id: id-1\r\n", "Forwarded: for=192.0.2.7, for=127.0.0.1;"} {
		if !strings.Contains(head, want) {
			t.Errorf("request: got %q, want %q in it", head, want)
		}
	}
}

func TestAnswerStreams(t *testing.T) {
	next := make(chan struct{})
	s := newTestServer(t, nil, newTestUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 2 {
			io.WriteString(w, "data: x\n\n")
			w.(http.Flusher).Flush()
			<-next
		}
	}))
	_, br := s.send(t, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	event := make([]byte, len("data: x\n\n"))
	for range 2 {
		if _, err := io.ReadFull(res.Body, event); err != nil {
			t.Fatalf("event while the answer goes on: %v", err)
		}
		next <- struct{}{}
	}
}

func TestRequestStreams(t *testing.T) {
	first := make(chan string)
	s := newTestServer(t, nil, newTestUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		p := make([]byte, 5)
		io.ReadFull(r.Body, p)
		first <- string(p)
		rest, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %v %s", rest, r.TransferEncoding, r.Trailer.Get("X-Sum"))
	}))
	conn, br := s.send(t, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nfirst\r\n")
	if got := <-first; got != "first" {
		t.Errorf("body while the request goes on: got %q", got)
	}
	io.WriteString(conn, "4\r\nrest\r\n0\r\nX-Sum: 9\r\n\r\n")
	if _, body := answer(t, br); body != "rest [chunked] 9" {
		t.Errorf("rest and trailer: got %q", body)
	}
}

func TestBothWaysStreamAtOnce(t *testing.T) {
	s := newTestServer(t, nil, newTestUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		p := make([]byte, 5)
		for {
			if _, err := io.ReadFull(r.Body, p); err != nil {
				return
			}
			w.Write(p)
			w.(http.Flusher).Flush()
		}
	}))
	conn, br := s.send(t, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatalf("answer while the request goes on: %v", err)
	}
	part := make([]byte, 5)
	for _, want := range []string{"first", "again", "third"} {
		if _, err := io.ReadFull(res.Body, part); err != nil || string(part) != want {
			t.Fatalf("part of the answer: got %q and %v, want %q", part, err, want)
		}
		io.WriteString(conn, map[string]string{"first": "5\r\nagain\r\n", "again": "5\r\nthird\r\n", "third": "0\r\n\r\n"}[want])
	}
	if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil {
		t.Errorf("behind the last part: got %q and %v, want the end", rest, err)
	}
}

func TestAnswerThatDoesNotWaitForTheBody(t *testing.T) {
	s := newTestServer(t, nil, newTestUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		if r.ContentLength > 10 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	}))
	for range 10 {
		conn, br := s.send(t, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegin")
		if res, _ := answer(t, br); res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Fatalf("early answer: got %d, want 413", res.StatusCode)
		}
		// The rest of the body must not be taken for a request.
		io.WriteString(conn, strings.Repeat("x", 100000-len("begin"))+"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if res, err := http.ReadResponse(br, nil); err == nil && res.StatusCode != http.StatusOK {
			t.Errorf("next answer: got %d, want 200, or the end of the connection", res.StatusCode)
		}
	}
}

func TestTrailersOfTheAnswer(t *testing.T) {
	s := newTestServer(t, nil, newTestUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "9")
		w.Header().Set(http.TrailerPrefix+"X-Late", "10")
	}))
	res, body := s.exchange(t, "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n")
	if body != "body" || res.Trailer.Get("X-Sum") != "9" || res.Trailer.Get("X-Late") != "10" {
		t.Errorf("got %q with %v, want both trailers", body, res.Trailer)
	}
}

func TestContinue(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
	t.Run("wanted", func(t *testing.T) {
		s := newTestServer(t, nil, newTestUpstream(t, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(w, r.Body)
		}))
		for range 100 { // a second 100 came now and then
			conn, br := s.send(t, head)
			if res, err := http.ReadResponse(br, nil); err != nil || res.StatusCode != 100 {
				t.Fatalf("got %v, %v, want 100", res, err)
			}
			io.WriteString(conn, "body")
			if res, body := answer(t, br); res.StatusCode != 200 || body != "body" {
				t.Fatalf("got %d %q, want the body back", res.StatusCode, body)
			}
		}
	})
	t.Run("not wanted", func(t *testing.T) {
		s := newTestServer(t, nil, newTestUpstream(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}))
		if res, _ := s.exchange(t, head); res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("got %d, want 413 without a 100 before it", res.StatusCode)
		}
	})
}

func TestEarlyHintsPass(t *testing.T) {
	address, _ := newRawUpstream(t, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	s := newTestServer(t, nil, address)
	_, br := s.send(t, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	for _, want := range []int{103, 200} {
		if res, err := http.ReadResponse(br, nil); err != nil || res.StatusCode != want {
			t.Errorf("got %v, %v, want %d", res, err, want)
		}
	}
}

func TestBodyThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	address, _ := newRawUpstream(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	s := newTestServer(t, nil, address)
	_, br := s.send(t, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("body that broke off: got a whole one")
	}
}

// An upstream may answer before it has the body. What of it still comes, or
// does not, is net/http's to end, which must not find it read at that time.
func TestAnswerBeforeTheBody(t *testing.T) {
	up, heads := newRawUpstream(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly")
	s := newTestServer(t, nil, up)
	for _, rest := range []string{"", "123456789", "123456789GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"} {
		for range 20 {
			c, br := s.send(t, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx")
			res, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(res.Body); string(body) != "early" {
				t.Fatalf("got %q, %v, want the early answer", body, err)
			}
			<-heads
			io.WriteString(c, rest)
			if strings.Contains(rest, "/next") && !res.Close {
				if res, err = http.ReadResponse(br, nil); err != nil || res.StatusCode != http.StatusOK {
					t.Fatalf("next request: got %v, %v", res, err)
				}
				<-heads
			}
			c.Close()
		}
	}
}

// Row 36 of the attacks: an upstream that never comes to its answer.
func TestAttack36EndlessInterimAnswers(t *testing.T) {
	for _, one := range []string{"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"} {
		address, _ := newRawUpstream(t, strings.Repeat(one, 2*maxInterim)+"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		s := newTestServer(t, nil, address)
		_, br := s.send(t, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		for n := 0; ; n++ {
			res, err := http.ReadResponse(br, nil)
			if err != nil || n > maxInterim && res.StatusCode < 200 {
				t.Fatalf("%.12s: got %v, %v as answer %d, want a refusal", one, res, err, n)
			}
			if res.StatusCode >= 200 {
				if res.StatusCode != http.StatusGatewayTimeout {
					t.Errorf("%.12s: got %d, want 504", one, res.StatusCode)
				}
				break
			}
		}
	}
}

// Who asks gets what the upstream has said, and no guess at what it might be.
func TestNoContentTypeIsMadeUp(t *testing.T) {
	for _, framing := range []string{"Content-Length: 6\r\n\r\n<html>", "Transfer-Encoding: chunked\r\n\r\n6\r\n<html>\r\n0\r\n\r\n", "Connection: close\r\n\r\n<html>"} {
		for said, want := range map[string]int{"": 0, "Content-Type: text/x\r\n": 1} {
			address, _ := newRawUpstream(t, "HTTP/1.1 200 OK\r\n"+said+framing)
			res, body := newTestServer(t, nil, address).exchange(t, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			if got := res.Header["Content-Type"]; len(got) != want || body != "<html>" {
				t.Errorf("%q: got Content-Type %q and %q, want what the upstream says", said+framing, got, body)
			}
		}
	}
}
