package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// newRawBackend gives an answer to the head of each connection's first request,
// and then closes.
func newRawBackend(t *testing.T, answer func(head string) string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() { answerRaw(conn, answer) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		done.Wait()
	})
	return "http://" + l.Addr().String()
}

func answerRaw(conn net.Conn, answer func(head string) string) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	var head strings.Builder
	for br := bufio.NewReader(conn); !strings.HasSuffix(head.String(), "\r\n\r\n"); {
		line, err := br.ReadString('\n')
		if err != nil {
			return
		}
		head.WriteString(line)
	}
	io.WriteString(conn, answer(head.String()))
}

// brokenAnswers are what breaks off, and what of its body a client is to get.
var brokenAnswers = []struct{ name, answer, body string }{
	{"in a body with a length", "HTTP/1.1 401 Unauthorized\r\nX-Why: token\r\nContent-Length: 100\r\n\r\nno tok", "no tok"},
	{"before a body with a length", "HTTP/1.1 401 Unauthorized\r\nX-Why: token\r\nContent-Length: 100\r\n\r\n", ""},
	{"in a long body", "HTTP/1.1 401 Unauthorized\r\nX-Why: token\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 70_000), strings.Repeat("x", 70_000)},
	{"between chunks", "HTTP/1.1 401 Unauthorized\r\nX-Why: token\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello"},
	{"in a chunk", "HTTP/1.1 401 Unauthorized\r\nX-Why: token\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello", "hello"},
	{"in a chunk's size", "HTTP/1.1 401 Unauthorized\r\nX-Why: token\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1", "hello"},
	{"before the first chunk", "HTTP/1.1 401 Unauthorized\r\nX-Why: token\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
	{"in the trailers", "HTTP/1.1 401 Unauthorized\r\nX-Why: token\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-", "hello"},
	{"before the end of the trailers", "HTTP/1.1 401 Unauthorized\r\nX-Why: token\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "hello"},
}

// brokenHeads break off where there is nothing yet to pass on.
var brokenHeads = []struct{ name, answer string }{
	{"in the status line", "HTTP/1.1 401 Unau"},
	{"in a header", "HTTP/1.1 401 Unauthorized\r\nContent-Le"},
	{"before the end of the head", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"},
	{"behind an interim answer", "HTTP/1.1 103 Early Hints\r\n\r\n"},
}

// brokenRequests are the requests that get those answers.
var brokenRequests = map[string]string{
	"upgrade":  upgradeHead,
	"plain":    "GET /ws HTTP/1.1\r\nHost: app.example.com\r\n\r\n",
	"polling":  "GET /ws?EIO=4&transport=polling HTTP/1.1\r\nHost: app.example.com\r\n\r\n",
	"HTTP/1.0": "GET /ws HTTP/1.0\r\nHost: app.example.com\r\n\r\n",
}

// byCase returns a backend that gives the answers by the number in a header.
func byCase(t *testing.T, answers []string) (url string) {
	t.Helper()
	return newRawBackend(t, func(head string) string {
		_, rest, _ := strings.Cut(head, "\r\nX-Case: ")
		number, _, _ := strings.Cut(rest, "\r\n")
		n, _ := strconv.Atoi(number)
		return answers[n]
	})
}

func ofCase(request string, n int) string {
	return strings.Replace(request, "\r\n", fmt.Sprintf("\r\nX-Case: %d\r\n", n), 1)
}

// TestAnswerThatBreaksOff passes the head and what there is of the body, and
// then closes: the client learns what there is to learn, and does not take it
// for whole.
func TestAnswerThatBreaksOff(t *testing.T) {
	var answers []string
	for _, broken := range brokenAnswers {
		answers = append(answers, broken.answer, strings.Replace(broken.answer, "401 Unauthorized", "200 OK", 1))
	}
	for relay, routes := range relays(byCase(t, answers)) {
		b := newTestBroker(t, routes)
		for i, answer := range answers {
			broken := brokenAnswers[i/2]
			for name, request := range brokenRequests {
				t.Run(fmt.Sprint(broken.name, ", ", i%2, ", ", name, ", ", relay), func(t *testing.T) {
					wantBroken(t, b.address, ofCase(request, i), answer[len("HTTP/1.1 "):][:3], broken.body)
				})
			}
		}
		wantNoCircuit(t, b)
	}
}

// wantBroken wants the head of an answer, this part of its body, and the end of
// the connection where more should stand.
func wantBroken(t *testing.T, address, request, status, body string) {
	t.Helper()
	c := dialRaw(t, address)
	io.WriteString(c, request)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("answer: %v, want its head", err)
	}
	got, err := io.ReadAll(resp.Body)
	if old := strings.Contains(request, "HTTP/1.0") && resp.ContentLength < 0; (err == nil) != old { // to it only the end says that it is whole
		t.Errorf("body: got %v at its end, want it to break off", err)
	}
	if resp.Status[:3] != status || resp.Header.Get("X-Why") != "token" || string(got) != body {
		t.Errorf("got %s %v %.100q, want %s with %.100q", resp.Status, resp.Header, got, status, body)
	}
}

// wantNoCircuit asserts that the endpoint was not blamed for an answer.
func wantNoCircuit(t *testing.T, b *broker) {
	t.Helper()
	for _, line := range b.log.lines(t, "endpoint state") {
		if line["state"] != "healthy" {
			t.Errorf("got the state %v, want no circuit to open", line)
		}
	}
}

func TestHeadThatBreaksOff(t *testing.T) {
	answers := make([]string, len(brokenHeads))
	for i, broken := range brokenHeads {
		answers[i] = broken.answer
	}
	for relay, routes := range relays(byCase(t, answers)) {
		b := newTestBroker(t, routes)
		for i, broken := range brokenHeads {
			for name, request := range brokenRequests {
				t.Run(fmt.Sprint(broken.name, ", ", name, ", ", relay), func(t *testing.T) {
					wantFinal(t, b.address, ofCase(request, i), 502)
				})
			}
		}
		wantNoCircuit(t, b)
	}
}

// wantFinal wants the status of the answer behind interim ones.
func wantFinal(t *testing.T, address, request string, want int) {
	t.Helper()
	c := dialRaw(t, address)
	io.WriteString(c, request)
	br := bufio.NewReader(c)
	for status := 100; status < 200; {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatalf("answer: %v, want %d", err, want)
		}
		if status = resp.StatusCode; status >= 200 && status != want {
			t.Errorf("got %s, want %d", resp.Status, want)
		}
	}
}

// TestAnswerThatBreaksOffByHTTP2 is the same on a stream, which is reset.
func TestAnswerThatBreaksOffByHTTP2(t *testing.T) {
	answers := make([]string, len(brokenAnswers))
	for i, broken := range brokenAnswers {
		answers[i] = broken.answer
	}
	_, client := newTestStreams(t, oneRoute(byCase(t, answers)))
	for i, broken := range brokenAnswers {
		for _, protocol := range []string{"", "websocket"} {
			t.Run(broken.name+" "+protocol, func(t *testing.T) {
				resp := client.ask(t, protocol, strconv.Itoa(i))
				got, err := io.ReadAll(resp.Body)
				if _, reset := errors.AsType[http2.StreamError](err); !reset {
					t.Errorf("body: got %v at its end, want the stream to be reset", err)
				}
				if resp.StatusCode != 401 || resp.Header.Get("X-Why") != "token" || string(got) != broken.body {
					t.Errorf("got %s %v %.100q, want 401 with %.100q", resp.Status, resp.Header, got, broken.body)
				}
			})
		}
	}
}

// ask makes the request of a case, or opens a stream for that protocol.
func (c *streamClient) ask(t *testing.T, protocol, number string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	r, _ := http.NewRequestWithContext(ctx, "GET", "https://"+c.address+"/ws", nil)
	r.Header.Set("X-Case", number)
	if protocol != "" {
		body, more := io.Pipe()
		t.Cleanup(func() { more.Close() })
		r.Method, r.Body = "CONNECT", body
		r.Header[":protocol"], r.Header["Sec-Websocket-Version"] = []string{protocol}, []string{"13"}
	}
	resp, err := c.transport.RoundTrip(r)
	if err != nil {
		t.Fatalf("answer: %v, want its head", err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}
