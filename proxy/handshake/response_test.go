package handshake

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// parseIn gives a parser the text in pieces of n bytes, and returns what it made
// of it and what is left.
func parseIn(text string, n int) (a answer, rest string, whole bool, err error) {
	var p parser
	var buf []byte
	for err == nil {
		if buf, a, whole, err = p.next(buf); whole || text == "" {
			break
		}
		piece := text[:min(n, len(text))]
		buf, text = append(buf, piece...), text[len(piece):]
	}
	return a, string(buf) + text, whole, err
}

func TestParser(t *testing.T) {
	const ok, interim = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
	for _, tt := range []struct {
		name, text, rest string
		status           int
		whole            bool
		err              error
	}{
		{"nothing", "", "", 0, false, nil},
		{"half", ok[:len(ok)-1], ok[:len(ok)-1], 0, false, nil},
		{"whole", ok, ok, 200, true, nil},
		{"body behind it", ok + "body", ok + "body", 200, true, nil},
		{"behind interim ones", interim + interim + ok, ok, 200, true, nil},
		{"interim one alone", interim + "HTTP", "HTTP", 103, false, nil},
		{"many interim ones", strings.Repeat(interim, maxInterim), "", 103, false, errInterim},
		{"101 is none", "HTTP/1.1 101 \r\n\r\n\x81", "HTTP/1.1 101 \r\n\r\n\x81", 101, true, nil},
		{"endless", strings.Repeat("a", maxAnswer), strings.Repeat("a", maxAnswer), 0, false, errHeadTooLong},
	} {
		for _, n := range []int{1, 2, 3, 7, len(tt.text) + 1} {
			a, rest, whole, err := parseIn(tt.text, n)
			if a.status != tt.status || rest != tt.rest || whole != tt.whole || err != tt.err {
				t.Errorf("%s, %d bytes at a time: got %d, %.40q, whole %t, %v, want %d, %.40q, %t, %v",
					tt.name, n, a.status, rest, whole, err, tt.status, tt.rest, tt.whole, tt.err)
			}
		}
	}
}

// What an answer is does not depend on how it comes.
func FuzzParser(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x00", "HTTP/1.1 100 \r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n",
		"SSH-2.0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n\r\n\r\n", "HTTP/1.1 200 OK\r\nA\r\n\r\n",
	} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, text string, n int) {
		if n < 1 || len(text) >= maxAnswer {
			return
		}
		a, rest, whole, err := parseIn(text, len(text)+1)
		b, otherRest, otherWhole, otherErr := parseIn(text, n)
		if fmt.Sprint(a, whole, err) != fmt.Sprint(b, otherWhole, otherErr) || rest != otherRest {
			t.Errorf("%d bytes at a time: got %v, %q, %v, want %v, %q, %v", n, b, otherRest, otherErr, a, rest, err)
		}
	})
}

// Who says nothing but interim answers has said something: it is not made up for.
func TestInterimAnswersAloneAreHeard(t *testing.T) {
	first := newTestUpstream(t, says(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", maxInterim)))
	second := newTestUpstream(t, good())
	s := newTestEndpoints(t, first, first.listener.Addr().String(), second.listener.Addr().String())
	s.wantRefused(t, request("/ws"), http.StatusBadGateway)
	second.wantUntouched(t)
}
