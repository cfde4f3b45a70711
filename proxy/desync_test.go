package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recorder is an upstream that keeps every request as it came: line, Host, body.
type recorder struct {
	url string

	mu   sync.Mutex
	seen []string // guarded by mu
}

// newTestRecorder answers 200 to everything on a connection, one after another.
func newTestRecorder(t *testing.T) *recorder {
	t.Helper()
	rec := &recorder{}
	rec.url = newTestScript(t, func(c net.Conn, first *http.Request) {
		br := bufio.NewReader(c)
		for r := first; ; {
			body, err := io.ReadAll(r.Body)
			rec.add(fmt.Sprintf("%s %s %s %s%s", r.Method, r.RequestURI, r.Host, body, lost(err)))
			if err != nil || r.Header["Connection"] != nil {
				rec.add("connection " + fmt.Sprint(r.Header["Connection"]))
				return
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			if r, err = http.ReadRequest(br); err != nil {
				return
			}
		}
	}).url
	return rec
}

func lost(err error) string {
	if err != nil {
		return " (broken)"
	}
	return ""
}

func (rec *recorder) add(line string) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.seen = append(rec.seen, line)
}

// take returns what has come since the last call.
func (rec *recorder) take() []string {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	seen := rec.seen
	rec.seen = nil
	return seen
}

// vector is a stream in which one of two readers may find another request than
// the other, what each request is answered, and what the upstream sees of it.
type vector struct {
	name, stream string
	status       []int
	seen         []string
}

const (
	hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
	last   = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	post   = "POST /p HTTP/1.1\r\nHost: a\r\n"
	lastly = "GET /last a "
)

// refusedVectors are those that are refused whole.
func refusedVectors() (all []vector) {
	for name, lines := range map[string]string{
		"CL.TE":                    "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
		"TE.CL":                    "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
		"CL.CL":                    "Content-Length: 0\r\nContent-Length: 35\r\n",
		"CL list":                  "Content-Length: 0, 35\r\n",
		"CL with a plus":           "Content-Length: +0\r\n",
		"CL behind a tab of VT":    "Content-Length: \x0b0\r\n",
		"CL in hex":                "Content-Length: 0x0\r\n",
		"CL and a twin of space":   "Content-Length : 35\r\n",
		"TE.TE":                    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
		"TE list":                  "Transfer-Encoding: chunked, identity\r\n",
		"TE identity":              "Transfer-Encoding: identity\r\n",
		"TE gzip":                  "Transfer-Encoding: gzip, chunked\r\n",
		"TE xchunked":              "Transfer-Encoding: xchunked\r\n",
		"TE quoted":                "Transfer-Encoding: \"chunked\"\r\n",
		"TE space before colon":    "Transfer-Encoding : chunked\r\n",
		"TE tab before colon":      "Transfer-Encoding\t: chunked\r\n",
		"TE folded":                "Transfer-Encoding:\r\n chunked\r\n",
		"TE behind a fold":         "X: a\r\n Transfer-Encoding: chunked\r\n",
		"TE behind a bare CR":      "X: a\rTransfer-Encoding: chunked\r\n",
		"TE behind a bare LF":      "X: a\nTransfer-Encoding: chunked\r\n",
		"TE behind NUL":            "X: a\x00\r\nTransfer-Encoding: chunked\r\n",
		"TE with a NUL":            "Transfer-Encoding: chunked\x00\r\n",
		"TE with a semicolon":      "Transfer-Encoding: chunked;q=1\r\n",
		"TE named with a space":    " Transfer-Encoding: chunked\r\n",
		"TE named with high bytes": "Transfer-Encoding\xa0: chunked\r\n",
		"two Hosts":                "Host: b\r\n",
		"Host behind a fold":       "X: a\r\n Host: b\r\n",
		"chunk size of two":        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"no colon":                 "Transfer-Encoding chunked\r\n",
	} {
		all = append(all, vector{name, post + lines + "\r\n0\r\n\r\n" + hidden, []int{400}, nil})
	}
	for name, stream := range map[string]string{
		"bare LF":                     "GET / HTTP/1.1\nHost: a\n\n",
		"bare LF ends the head":       "GET / HTTP/1.1\r\nHost: a\n\r\n",
		"two empty lines":             "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"bare LF for an empty line":   "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"absolute form, two Hosts":    "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"absolute form, no Host":      "GET http://a/ HTTP/1.1\r\n\r\n",
		"absolute form, unsound Host": "GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n",
		"absolute form, user":         "GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n",
		"absolute form, backslash":    "GET http://a\\@b/ HTTP/1.1\r\nHost: b\r\n\r\n",
		"absolute form, https":        "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"absolute form, ws":           "GET ws://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"absolute form, gopher":       "GET gopher://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"scheme-relative, dots":       "GET //a/%2e%2e%2f HTTP/1.1\r\nHost: a\r\n\r\n",
		"Host with a path":            "GET / HTTP/1.1\r\nHost: a/../b\r\n\r\n",
		"Host with two ports":         "GET / HTTP/1.1\r\nHost: a:80@b:81\r\n\r\n",
		"version with a space":        "GET / HTTP/1.1 HTTP/1.0\r\nHost: a\r\n\r\n",
		"asterisk of GET":             "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
		"TE in HTTP/1.0":              "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"body of a handshake":         strings.Replace(upgradeHead, "Connection:", "Content-Length: 35\r\nConnection:", 1),
		"handshake of no version 13":  strings.Replace(upgradeHead, "Upgrade\r\nSec", "close\r\nSec", 1),
	} {
		all = append(all, vector{name, stream + hidden, []int{400}, nil})
	}
	return append(all,
		vector{"h2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden, []int{505}, nil},
		vector{"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" + hidden, []int{405}, nil})
}

// passedVectors have one meaning by the RFC, though readers may differ.
func passedVectors() []vector {
	const h2c = "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n"
	body := fmt.Sprintf("Content-Length: %d\r\n\r\n", len(hidden))
	twice := []int{200, 200}
	return []vector{
		{"body that is a request", post + body + hidden + last, twice, []string{"POST /p a " + hidden, lastly}},
		{"chunk that is a request", post + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden) + last, twice, []string{"POST /p a " + hidden, lastly}},
		{"body of GET", "GET /p HTTP/1.1\r\nHost: a\r\n" + body + hidden + last, twice, []string{"GET /p a " + hidden, lastly}},
		{"body of OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n" + body + hidden + last, twice, []string{"OPTIONS * a " + hidden, lastly}},
		{"body beside h2c", post + h2c + body + hidden + last, twice, []string{"POST /p a " + hidden, lastly}},
		{"chunks beside h2c", post + h2c + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n" + last, twice, []string{"POST /p a hi", lastly}},
		{"pipelined behind h2c", "GET /p HTTP/1.1\r\nHost: a\r\n" + h2c + "\r\n" + last, twice, []string{"GET /p a ", lastly}},
		{"chunk extension", post + "Transfer-Encoding: chunked\r\n\r\n2;a=\"0\";b\r\nhi\r\n0;x\r\n\r\n" + last, twice, []string{"POST /p a hi", lastly}},
		{"trailers", post + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-T: GET /hidden HTTP/1.1\r\n\r\n" + last, twice, []string{"POST /p a hi", lastly}},
		{"absolute form, other Host", "GET http://b:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n" + last, twice, []string{"GET /p?q b:81 ", lastly}},
		{"absolute form, empty Host", "GET HTTP://b HTTP/1.1\r\nHost:\r\n\r\n" + last, twice, []string{"GET / b ", lastly}},
		{"absolute form, HTTP/1.0", "GET http://b/p HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + last, twice, []string{"GET /p b ", lastly}},
		{"absolute form, body", "POST http://b/p HTTP/1.1\r\nHost: a\r\n" + body + hidden + last, twice, []string{"POST /p b " + hidden, lastly}},
		{"absolute form, OPTIONS", "OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n" + last, twice, []string{"OPTIONS * b ", lastly}},
		{"absolute form, OPTIONS /", "OPTIONS http://b/ HTTP/1.1\r\nHost: a\r\n\r\n" + last, twice, []string{"OPTIONS / b ", lastly}},
		{"absolute form in a path", "GET /http://b/p HTTP/1.1\r\nHost: a\r\n\r\n" + last, twice, []string{"GET /http:/b/p a ", lastly}},
		{"empty line", "\r\nGET /p HTTP/1.1\r\nHost: a\r\n\r\n\r\n" + last, twice, []string{"GET /p a ", lastly}},
		{"empty line behind a body", post + "Content-Length: 2\r\n\r\nhi\r\n" + last, twice, []string{"POST /p a hi", lastly}},
		{"HTTP/1.2", "GET /p HTTP/1.2\r\nHost: a\r\n\r\n" + last, twice, []string{"GET /p a ", lastly}},
		{"next is refused", "GET /p HTTP/1.1\r\nHost: a\r\n\r\n\n" + hidden, []int{200, 400}, []string{"GET /p a "}},
		{"empty lines in a body", post + "Content-Length: 4\r\n\r\n\r\n\r\n" + last, twice, []string{"POST /p a \r\n\r\n", lastly}},
	}
}

// TestAttack10Desync has the whole server take each vector, in one piece and
// byte by byte.
func TestAttack10Desync(t *testing.T) {
	up := newTestRecorder(t)
	b := newTestBroker(t, oneRoute(up.url))
	for _, v := range append(refusedVectors(), passedVectors()...) {
		t.Run(v.name, func(t *testing.T) {
			for _, piece := range []int{1 << 20, 1} {
				status := statuses(t, b.address, v.stream, piece)
				if seen := up.take(); !slices.Equal(status, v.status) || !slices.Equal(seen, v.seen) {
					t.Errorf("pieces of %d: got %v, and the upstream saw %q; want %v and %q", piece, status, seen, v.status, v.seen)
				}
			}
		})
	}
}

// statuses sends a stream in pieces, and returns what is answered until the end.
func statuses(t *testing.T, address, stream string, piece int) (all []int) {
	t.Helper()
	c := dialRaw(t, address)
	go func() {
		for p := range slices.Chunk([]byte(stream), piece) {
			if _, err := c.Write(p); err != nil {
				return // it was refused before its end
			}
		}
	}()
	br := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			return all
		}
		all = append(all, resp.StatusCode)
		io.Copy(io.Discard, resp.Body)
	}
}
