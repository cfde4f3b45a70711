package handshake

import (
	"strings"
	"testing"
)

func TestDeflateAnswers(t *testing.T) {
	tests := []struct {
		offer, answer string
		want          bool
	}{
		// RFC 7692, 7.1: names, values, repetitions.
		{"permessage-deflate", "permessage-deflate", true},
		{"permessage-deflate", "permessage-deflate; server_no_context_takeover", true},
		{"permessage-deflate", "permessage-deflate; client_no_context_takeover", true},
		{"permessage-deflate", "permessage-deflate; server_no_context_takeover=1", false},
		{"permessage-deflate", "permessage-deflate; server_no_context_takeover; server_no_context_takeover", false},
		{"permessage-deflate", "Permessage-deflate", false},
		{"permessage-bzip2", "permessage-bzip2", false},
		{"", "permessage-deflate", false},
		{"", "", true},
		{"permessage-deflate", "", true},
		// 7.1.1: context takeover.
		{"permessage-deflate; server_no_context_takeover", "permessage-deflate", false},
		{"permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover", true},
		// 7.1.2.1: server_max_window_bits.
		{"permessage-deflate", "permessage-deflate; server_max_window_bits=10", true},
		{"permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=10", true},
		{"permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=\"9\"", true},
		{"permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=11", false},
		{"permessage-deflate; server_max_window_bits=10", "permessage-deflate", false},
		{"permessage-deflate", "permessage-deflate; server_max_window_bits", false},
		{"permessage-deflate", "permessage-deflate; server_max_window_bits=16", false},
		{"permessage-deflate", "permessage-deflate; server_max_window_bits=08", false},
		// 7.1.2.2: client_max_window_bits.
		{"permessage-deflate", "permessage-deflate; client_max_window_bits=10", false},
		{"permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=10", true},
		{"permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits", false},
		{"permessage-deflate; client_max_window_bits=10", "permessage-deflate; client_max_window_bits=11", false},
		{"permessage-deflate; client_max_window_bits=10", "permessage-deflate", true},
		// An illegal offer is declined, another may be taken (7.1).
		{"permessage-deflate; foo, permessage-deflate", "permessage-deflate", true},
		{"permessage-deflate; server_max_window_bits=7", "permessage-deflate", false},
	}
	for _, tt := range tests {
		offers, ok := parseExtensions([]string{tt.offer})
		if !ok {
			t.Errorf("offer %q: got malformed", tt.offer)
		}
		a := answer{}
		if tt.answer != "" {
			a.lines = []line{{"sec-websocket-extensions", tt.answer}}
		}
		if _, got := a.deflate(deflateOffers(offers)); got != tt.want {
			t.Errorf("offer %q, answer %q: got %t, want %t", tt.offer, tt.answer, got, tt.want)
		}
	}
}

func TestDeflateAccepted(t *testing.T) {
	for _, tt := range []struct {
		offer, want string
		window      uint8
	}{
		{"", "", 0},
		{"permessage-bzip2", "", 0},
		{"permessage-deflate; server_max_window_bits=7", "", 0},
		{"permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover", 15},
		{"permessage-deflate; client_max_window_bits", "permessage-deflate; server_no_context_takeover; client_no_context_takeover", 15},
		{"permessage-deflate; client_max_window_bits=9; server_no_context_takeover", "permessage-deflate; server_no_context_takeover; client_no_context_takeover", 15},
		{"x, permessage-deflate; server_max_window_bits=10, permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10", 10},
	} {
		list, ok := parseExtensions([]string{tt.offer})
		if !ok {
			t.Errorf("offer %q: got malformed", tt.offer)
		}
		offers := deflateOffers(list)
		d := accepted(offers)
		if got := d.window(); got != tt.window {
			t.Errorf("offer %q: got window %d, want %d", tt.offer, got, tt.window)
		}
		if d == nil {
			if tt.want != "" {
				t.Errorf("offer %q: got no answer, want %q", tt.offer, tt.want)
			}
			continue
		}
		if got := string(d.append(nil)); got != tt.want || !d.answers(offers[0]) {
			t.Errorf("offer %q: got answer %q, want %q", tt.offer, got, tt.want)
		}
	}
}

func TestParseExtensionsRefuses(t *testing.T) {
	for _, s := range []string{",", "a,", "a b", "a;", "a; =1", "a; b=", "a; b=\"", "a; b=\"x y\"", "a; b=c d", "a\x00"} {
		if got, ok := parseExtensions([]string{s}); ok {
			t.Errorf("%q: got %v, want malformed", s, got)
		}
	}
}

func FuzzExtensions(f *testing.F) {
	f.Add("permessage-deflate; client_max_window_bits; server_max_window_bits=10")
	f.Add(`a; b="c", permessage-deflate`)
	f.Fuzz(func(t *testing.T, s string) {
		list, ok := parseExtensions([]string{s})
		if !ok {
			return
		}
		for _, d := range deflateOffers(list) {
			again, ok := parseExtensions([]string{string(d.append(nil))})
			if !ok || len(again) != 1 {
				t.Fatalf("canonical form %q: got malformed", d.append(nil))
			}
			if got, ok := parseDeflate(again[0].params); !ok || got != d {
				t.Errorf("round trip: got %+v, want %+v", got, d)
			}
		}
	})
}

// FuzzAnswer feeds any head: whatever is verified and passed on must stay one
// head, with nothing injected.
func FuzzAnswer(f *testing.F) {
	f.Add("Set-Cookie: a=1\r\nX-A: b\r\n")
	f.Add("X: a\rb\r\nY : z\r\n folded\r\n")
	f.Fuzz(func(t *testing.T, more string) {
		a, err := parseHead(strings.TrimSuffix(good()("Sec-WebSocket-Key: "+testKey), "\r\n") + more + "\r\n\r\n")
		if err != nil {
			return
		}
		g, err := a.verify(testKey, offer{})
		if err != nil {
			return
		}
		out := string(a.append101(nil, testKey, g))
		if i := strings.Index(out, "\r\n\r\n"); i != len(out)-4 {
			t.Errorf("head ends at %d of %d: %q", i, len(out), out)
		}
		if strings.Count(out, "\n") != strings.Count(out, "\r\n") || strings.Count(out, "\r") != strings.Count(out, "\r\n") {
			t.Errorf("head has a bare line break: %q", out)
		}
	})
}
