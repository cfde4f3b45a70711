package engineio

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// decoded returns the packets of a body.
func decoded(v Version, body string, octets bool) ([]Packet, error) {
	var all []Packet
	err := DecodePayload(v, []byte(body), octets, func(p Packet) error {
		all = append(all, p)
		return nil
	})
	return all, err
}

func equal(a, b []Packet) bool {
	for i := range min(len(a), len(b)) {
		if !a[i].equal(b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

func TestPayloads(t *testing.T) {
	hello, euro, emoji := text(Message, "hello"), text(Message, "€"), text(Message, "😀")
	for _, tt := range []struct {
		name    string
		v       Version
		b64     bool
		packets []Packet
		body    string
		octets  bool
	}{
		{"4.1 one", V4, false, []Packet{hello}, "4hello", false},
		{"4.1 several", V4, false, []Packet{hello, text(Ping, ""), euro}, "4hello\x1E2\x1E4€", false},
		{"4.1 binary", V4, false, []Packet{hello, binary("\x01\x02\x03\x04")}, "4hello\x1EbAQIDBA==", false},
		{"4.2 none", V3, false, nil, "0:", false},
		{"4.2 text", V3, false, []Packet{hello, euro}, "6:4hello2:4€", false},
		{"4.2 emoji counts 2", V3, false, []Packet{emoji, hello}, "3:4😀6:4hello", false},
		{"4.2 base64", V3, true, []Packet{binary("\x01\x02\x03\x04"), euro}, "10:b4AQIDBA==2:4€", false},
		{"4.2 empty base64", V3, true, []Packet{binary("")}, "2:b4", false},
		{"4.2 octets", V3, false, []Packet{euro, binary("\x01\x02\x03\x04")}, "\x00\x04\xFF4€\x01\x05\xFF\x04\x01\x02\x03\x04", true},
		{"4.2 octets, two digits", V3, false, []Packet{binary("0123456789")}, "\x01\x01\x01\xFF\x040123456789", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, octets := AppendPayload(nil, tt.v, tt.packets, tt.b64)
			if string(got) != tt.body || octets != tt.octets {
				t.Errorf("appended %q, octets %v, want %q, %v", got, octets, tt.body, tt.octets)
			}
			packets, err := decoded(tt.v, tt.body, tt.octets)
			if err != nil || !equal(packets, tt.packets) {
				t.Errorf("decoded %v, error %v, want %v", packets, err, tt.packets)
			}
		})
	}
}

func TestBrokenPayloads(t *testing.T) {
	for _, tt := range []struct {
		name   string
		v      Version
		octets bool
		body   string
		before int // packets that are passed on
		want   error
	}{
		{"empty", V4, false, "", 0, ErrEmpty},
		{"separator at the end", V4, false, "4a\x1E", 1, ErrEmpty},
		{"separator at the start", V4, false, "\x1E4a", 0, ErrEmpty},
		{"not UTF-8", V4, false, "4a\x1E4\xFF", 1, ErrText},
		{"bytes in revision 4", V4, true, "\x00", 0, ErrOctets},
		{"bad base64", V4, false, "2\x1Eb!", 1, ErrBase64},
		{"empty", V3, false, "", 0, ErrPayload},
		{"no length", V3, false, ":4a", 0, ErrPayload},
		{"length without packet", V3, false, "2", 0, ErrPayload},
		{"negative length", V3, false, "-2:4a", 0, ErrPayload},
		{"too short", V3, false, "2:4a9:4b", 1, ErrPayload},
		{"half an emoji", V3, false, "2:4😀", 0, ErrPayload},
		{"digit bomb", V3, false, strings.Repeat("9", 1e6) + ":4a", 0, ErrPayload},
		{"zero bomb", V3, false, strings.Repeat("0", 1e6) + "2:4a", 0, ErrPayload},
		{"huge length", V3, false, "9999999999:4a", 0, ErrPayload},
		{"not UTF-8", V3, false, "2:4\xFF", 0, ErrText},
		{"unknown kind", V3, true, "\x02\x02\xFF4a", 0, ErrPayload},
		{"no digits", V3, true, "\x00\xFF", 0, ErrPayload},
		{"ten as a digit", V3, true, "\x00\x0A\xFF4", 0, ErrPayload},
		{"no end of digits", V3, true, "\x00\x02\x02", 0, ErrPayload},
		{"too short", V3, true, "\x00\x02\xFF4a\x01\x09\xFF4", 1, ErrPayload},
		{"digit bomb", V3, true, "\x01" + strings.Repeat("\x09", 1e6) + "\xFF", 0, ErrPayload},
		{"no type", V3, true, "\x01\x00\xFF", 0, ErrEmpty},
		{"not UTF-8", V3, true, "\x00\x02\xFF4\xFF", 0, ErrText},
	} {
		packets, err := decoded(tt.v, tt.body, tt.octets)
		if !errors.Is(err, tt.want) || len(packets) != tt.before {
			t.Errorf("revision %d, %s: got %d packets, error %v, want %d, %v", tt.v, tt.name, len(packets), err, tt.before, tt.want)
		}
	}
}

func TestDecodeStopsWhenTold(t *testing.T) {
	full := errors.New("full")
	for v, body := range map[Version]string{V4: "4a\x1E1\x1E4b", V3: "2:4a1:12:4b"} {
		seen := 0
		err := DecodePayload(v, []byte(body), false, func(p Packet) error {
			if seen++; p.Type == Close {
				return full
			}
			return nil
		})
		if err != full || seen != 2 {
			t.Errorf("revision %d: got %v after %d packets, want %v after 2", v, err, seen, full)
		}
	}
}

// TestSeparatorBomb is about a body of nothing but packets: what it costs is
// bounded by its own size, since no list is made of them.
func TestSeparatorBomb(t *testing.T) {
	for name, body := range map[string]string{
		"separators": strings.Repeat("\x1E", 1e6),
		"noops":      strings.Repeat("6\x1E", 1e6) + "6",
		"empty":      strings.Repeat("0:", 1e6),
	} {
		v := V4
		if name == "empty" {
			v = V3
		}
		b := []byte(body)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_ = DecodePayload(v, b, false, func(Packet) error { return nil })
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<16 {
			t.Errorf("%s: got %d bytes allocated, want next to none", name, got)
		}
	}
}

func FuzzDecodePayload(f *testing.F) {
	for _, seed := range []string{
		"4hello\x1E2\x1EbAP8=", "6:4hello2:4€", "3:4😀10:b4AQIDBA==", "0:", "99999999999:4",
		"\x00\x04\xFF4€\x01\x05\xFF\x04\x01\x02\x03\x04", "\x1E\x1E", "\x01\x09\x09\x09\x09\xFF",
	} {
		f.Add(false, false, seed)
		f.Add(true, false, seed)
		f.Add(true, true, seed)
	}
	f.Fuzz(func(t *testing.T, three, octets bool, body string) {
		v := V4
		if three {
			v = V3
		}
		packets, err := decoded(v, body, octets)
		if err != nil || len(packets) == 0 {
			return
		}
		for _, p := range packets {
			if strings.ContainsRune(string(p.Data), separator) && v == V4 && !p.Binary {
				t.Fatalf("%q has a separator within %v", body, p)
			}
			if p.Binary && p.Type != Message {
				return // is not written like that
			}
		}
		for _, b64 := range []bool{false, true} {
			again, octets := AppendPayload(nil, v, packets, b64)
			if got, err := decoded(v, string(again), octets); err != nil || !equal(got, packets) {
				t.Errorf("%q was %s, and became %s, error %v", body, fmt.Sprint(packets), fmt.Sprint(got), err)
			}
		}
	})
}
