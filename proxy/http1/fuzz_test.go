package http1

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// FuzzAgainstNetHTTP: what a Checker admits, net/http must admit too, and both
// must find the same ends of the same requests.
func FuzzAgainstNetHTTP(f *testing.F) {
	f.Add(lines("GET / HTTP/1.1", "Host: a")+lines("POST /b HTTP/1.0", "Content-Length: 2")+"hi", uint8(3))
	f.Add(lines("POST / HTTP/1.1", "Host: a:80", "Transfer-Encoding: chunked")+"5;x\r\nhello\r\n0\r\nX: y\r\n\r\n"+lines("OPTIONS * HTTP/1.1", "Host: a"), uint8(1))
	f.Add(lines("POST / HTTP/1.1", "Host: a", "Content-Length: 1", "Transfer-Encoding: chunked")+"0\r\n\r\n", uint8(9))
	f.Add("GET /%2e?%zz HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n", uint8(2))
	f.Add("\r\n"+lines("GET http://a:80/b?c HTTP/1.2", "Host: b")+"\r\n"+lines("OPTIONS https://[::1] HTTP/1.1", "Host:"), uint8(0))
	f.Fuzz(func(t *testing.T, stream string, piece uint8) {
		n, ends, err := run(stream, int(piece)+1)
		all, allEnds, allErr := run(stream, len(stream)+1)
		if n != all || len(ends) != len(allEnds) || (err == nil) != (allErr == nil) {
			t.Fatalf("split changes the outcome: got %d, %v, %v, want %d, %v, %v", n, ends, err, all, allEnds, allErr)
		}
		r := strings.NewReader(stream[:n])
		br := bufio.NewReader(r)
		for _, end := range ends {
			// net/http is never told of the empty line before a request.
			if line, _ := br.Peek(2); string(line) == "\r\n" {
				br.Discard(2)
			}
			if !readOne(t, br) {
				return
			}
			if got := n - r.Len() - br.Buffered(); got != end {
				t.Fatalf("end of a request: net/http finds %d, Check %d", got, end)
			}
		}
	})
}

// readOne reads a request with its body. net/http bounds the overhead of chunks
// and of trailers, and ends the connection there: then nothing is left to compare.
func readOne(t *testing.T, br *bufio.Reader) bool {
	t.Helper()
	req, err := http.ReadRequest(br)
	if err != nil {
		t.Fatalf("net/http refuses what Check admits: %v", err)
	}
	_, err = io.Copy(io.Discard, req.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && (strings.Contains(err.Error(), "too much non-data") || strings.Contains(err.Error(), "trailer")) {
		return false
	}
	if err != nil {
		t.Fatalf("net/http refuses a body that Check admits: %v", err)
	}
	return true
}
