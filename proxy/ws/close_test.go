package ws

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCodeOnWire(t *testing.T) {
	legal := map[Code]bool{}
	for _, c := range []Code{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014} {
		legal[c] = true
	}
	for c := range Code(2000) {
		legal[3000+c] = true
	}
	for c := range 1 << 16 {
		if got, want := Code(c).OnWire(), legal[Code(c)]; got != want {
			t.Errorf("got %t for %d, want %t", got, c, want)
		}
	}
}

func TestParseClose(t *testing.T) {
	for _, tt := range []struct {
		section string
		payload string
		code    Code
		reason  string
		err     Code
		rule    string
	}{
		{"7.1.5 no code", "", 0, "", 0, ""},
		{"7.4.1 normal", "\x03\xE8", 1000, "", 0, ""},
		{"7.1.6 reason", "\x03\xF3gone", 1011, "gone", 0, ""},
		{"7.4.2 private", "\x13\x87é", 4999, "é", 0, ""},
		{"5.5.1 half a code", "\x03", 0, "", 1002, "close frame has half a code (RFC 6455, 5.5.1)"},
		{"7.4.2 below 1000", "\x03\xE7", 0, "", 1002, "close code 999 may not be sent (RFC 6455, 7.4)"},
		{"7.4.1 no status", "\x03\xED", 0, "", 1002, "close code 1005 may not be sent (RFC 6455, 7.4)"},
		{"7.4.1 abnormal", "\x03\xEE", 0, "", 1002, "close code 1006 may not be sent (RFC 6455, 7.4)"},
		{"7.4.2 unassigned", "\x0B\xB7", 0, "", 1002, "close code 2999 may not be sent (RFC 6455, 7.4)"},
		{"7.4.2 above 4999", "\x13\x88", 0, "", 1002, "close code 5000 may not be sent (RFC 6455, 7.4)"},
		{"5.5.1 bad reason", "\x03\xE8a\xFF", 0, "", 1007, "reason of the close frame is not UTF-8 (RFC 6455, 5.5.1)"},
		{"5.5.1 reason ends inside a character", "\x03\xE8\xE2\x82", 0, "", 1007, "reason of the close frame is not UTF-8 (RFC 6455, 5.5.1)"},
	} {
		t.Run(tt.section, func(t *testing.T) {
			code, reason, err := ParseClose([]byte(tt.payload))
			wantRule(t, err, tt.err, tt.rule)
			if code != tt.code || reason != tt.reason {
				t.Errorf("got %d %q, want %d %q", code, reason, tt.code, tt.reason)
			}
			if err == nil && string(AppendClose(nil, code, reason)) != tt.payload {
				t.Errorf("got %q written back, want %q", AppendClose(nil, code, reason), tt.payload)
			}
		})
	}
}

func TestAppendCloseCutsReason(t *testing.T) {
	for _, tt := range []struct{ name, reason, want string }{
		{"fits", strings.Repeat("x", 123), strings.Repeat("x", 123)},
		{"too long", strings.Repeat("x", 124), strings.Repeat("x", 123)},
		{"cut before a character", strings.Repeat("x", 122) + "é", strings.Repeat("x", 122)},
		{"nothing behind the cut", strings.Repeat("x", 121) + "€y", strings.Repeat("x", 121)},
		{"character fits", strings.Repeat("x", 121) + "éy", strings.Repeat("x", 121) + "é"},
		{"not UTF-8", "a\xFFb\xE2\x82", "a\uFFFDb\uFFFD\uFFFD"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			payload := AppendClose([]byte("before"), CodeInternal, tt.reason)[len("before"):]
			if len(payload) > MaxControlPayload || !utf8.Valid(payload[2:]) {
				t.Errorf("got %d bytes %q, which no Close frame may hold", len(payload), payload)
			}
			code, reason, err := ParseClose(payload)
			if code != CodeInternal || reason != tt.want || err != nil {
				t.Errorf("got %d %q, error %v, want %d %q", code, reason, err, CodeInternal, tt.want)
			}
		})
	}
	if got := AppendClose(nil, 0, "no room for a reason"); len(got) != 0 {
		t.Errorf("got %q for no code, want nothing", got)
	}
}

func TestAppendCloseRefusesCode(t *testing.T) {
	for _, c := range []Code{1, 1004, CodeNoStatus, CodeAbnormal, CodeTLS, 2000, 5000} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("got a Close frame with %d, want a panic", c)
				}
			}()
			AppendClose(nil, c, "")
		}()
	}
}
