package ws

import (
	"errors"
	"testing"
)

// TestHTTPAnswer names an HTTP answer in place of a frame as what it is, however
// it is split, and nothing else.
func TestHTTPAnswer(t *testing.T) {
	const answer = "HTTP/1.1 400 Bad Request\r\n\r\n"
	frame := "\x81\x02hi"
	for split := range len(frame + answer) {
		var c Checker
		p := []byte(frame + answer)
		n, kind, err := c.Next(&Rules{}, p[:split])
		if err == nil {
			if kind == Short {
				split = n
			}
			n, _, err = c.Next(&Rules{}, p[split:])
			n += split
		}
		if !errors.Is(err, ErrAnswer) || n != len(frame) {
			t.Errorf("split at %d: got %d passed and %v, want %d and %v", split, n, err, len(frame), ErrAnswer)
		}
	}
	for _, p := range []string{"H\x00", "HT\x00", "HTTP/2.0", "X"} {
		if _, _, err := ParseHeader([]byte(p)); err == nil || errors.Is(err, ErrAnswer) {
			t.Errorf("%q: got %v, want another error", p, err)
		}
	}
}
