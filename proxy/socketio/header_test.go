package socketio

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
)

// wanted is a header with its slices as text.
type wanted struct {
	kind        Type
	attachments int
	namespace   string
	query       string
	id          uint64
	hasID       bool
	data        string
}

func seen(p []byte, h Header) wanted {
	return wanted{h.Type, h.Attachments, string(h.Namespace), string(h.Query), h.ID, h.HasID, string(p[h.Data:])}
}

func TestParseHeader(t *testing.T) {
	long := "/" + strings.Repeat("n", MaxNamespace-1)
	for _, tt := range []struct {
		wire string
		want wanted
	}{
		{`0`, wanted{kind: Connect, namespace: "/"}},
		{`0{"token":"x"}`, wanted{kind: Connect, namespace: "/", data: `{"token":"x"}`}},
		{`0/admin`, wanted{kind: Connect, namespace: "/admin"}},
		{`0/admin,`, wanted{kind: Connect, namespace: "/admin"}},
		{`0/admin,{"a":"/b,"}`, wanted{kind: Connect, namespace: "/admin", data: `{"a":"/b,"}`}},
		{`0/admin?token=x&y=1,`, wanted{kind: Connect, namespace: "/admin", query: "token=x&y=1"}},
		{`0/?a=b`, wanted{kind: Connect, namespace: "/", query: "a=b"}},
		{`1`, wanted{kind: Disconnect, namespace: "/"}},
		{`1/admin,`, wanted{kind: Disconnect, namespace: "/admin"}},
		{`2["a"]`, wanted{kind: Event, namespace: "/", data: `["a"]`}},
		{`2/admin,["a"]`, wanted{kind: Event, namespace: "/admin", data: `["a"]`}},
		{`2/a?b,["a"]`, wanted{kind: Event, namespace: "/a?b", data: `["a"]`}},
		{`20["a"]`, wanted{kind: Event, namespace: "/", hasID: true, data: `["a"]`}},
		{`2/admin,456["a"]`, wanted{kind: Event, namespace: "/admin", id: 456, hasID: true, data: `["a"]`}},
		{`3/admin,456[]`, wanted{kind: Ack, namespace: "/admin", id: 456, hasID: true, data: `[]`}},
		{`4/x,{"message":"m"}`, wanted{kind: ConnectError, namespace: "/x", data: `{"message":"m"}`}},
		{`4"Invalid"`, wanted{kind: ConnectError, namespace: "/", data: `"Invalid"`}},
		{`51-["a",{"_placeholder":true,"num":0}]`, wanted{kind: BinaryEvent, attachments: 1, namespace: "/", data: `["a",{"_placeholder":true,"num":0}]`}},
		{`512-/admin,7["a"]`, wanted{kind: BinaryEvent, attachments: 12, namespace: "/admin", id: 7, hasID: true, data: `["a"]`}},
		{`50-["a"]`, wanted{kind: BinaryEvent, namespace: "/", data: `["a"]`}},
		{`61-/admin,13[]`, wanted{kind: BinaryAck, attachments: 1, namespace: "/admin", id: 13, hasID: true, data: `[]`}},
		{`2/,["a"]`, wanted{kind: Event, namespace: "/", data: `["a"]`}},
		{`2` + long + `,1234567890123456["a"]`, wanted{kind: Event, namespace: long, id: 1234567890123456, hasID: true, data: `["a"]`}},
		{`0` + long + `longer`, wanted{kind: Connect, namespace: long + "longer"}},
	} {
		t.Run(tt.wire[:min(len(tt.wire), 40)], func(t *testing.T) {
			p := []byte(tt.wire)
			h, n, err := ParseHeader(p, true)
			if err != nil || seen(p, h) != tt.want || n != h.Data {
				t.Errorf("got %+v, n %d, error %v, want %+v", seen(p, h), n, err, tt.want)
			}
			wantPrefixes(t, p, h)
		})
	}
}

// wantPrefixes checks that the beginnings of a packet are read as the whole is,
// or need more bytes.
func wantPrefixes(t *testing.T, p []byte, whole Header) {
	t.Helper()
	for end := range p {
		h, n, err := ParseHeader(p[:end], false)
		if err != nil {
			t.Errorf("first %d bytes: error %v", end, err)
		}
		if n == 0 {
			if end >= MaxHeader && ValidNamespace(whole.Namespace) && whole.Query == nil {
				t.Errorf("first %d bytes are not enough", end)
			}
			continue
		}
		if got, want := seen(p[:end], h), seen(p[:end], whole); got != want {
			t.Errorf("first %d bytes: got %+v, want %+v", end, got, want)
		}
	}
}

func TestMaxHeaderIsEnough(t *testing.T) {
	most := strconv.Itoa(maxNumber)
	p := []byte("5" + most + "-/" + strings.Repeat("n", MaxNamespace-1) + "," + most + `["a"]`)
	h, n, err := ParseHeader(p[:MaxHeader], false)
	if n == 0 || err != nil || len(h.Namespace) != MaxNamespace || h.ID != maxNumber || h.Attachments != math.MaxInt32 {
		t.Errorf("got %+v, n %d, error %v, want the whole header", h, n, err)
	}
}

func TestBrokenHeaders(t *testing.T) {
	nines := strings.Repeat("9", maxDigits+1)
	for _, tt := range []struct {
		name, wire string
		want       string
	}{
		{"8.1 empty", "", ErrEmpty.Error()},
		{"8.1 type 7", `7["a"]`, (&TypeError{'7'}).Error()},
		{"8.1 not a digit", `["a"]`, (&TypeError{'['}).Error()},
		{"msgpack", "\x83\xa4type", (&TypeError{0x83}).Error()},
		{"8.1 no count", `5-["a"]`, ErrCount.Error()},
		{"8.1 no hyphen", `51["a"]`, ErrCount.Error()},
		{"8.1 count at the end", `51`, ErrCount.Error()},
		{"8.1 nothing behind the type", `5`, ErrCount.Error()},
		{"8.1 count with a sign", `5-1-["a"]`, ErrCount.Error()},
		{"8.1 count that is no integer", `51.5-["a"]`, ErrCount.Error()},
		{"8.1 count with an exponent", `51e9-["a"]`, ErrCount.Error()},
		{"huge count", `5` + nines + `-["a"]`, ErrNumber.Error()},
		{"digit bomb", `5` + strings.Repeat("0", 1e6) + `1-["a"]`, ErrNumber.Error()},
		{"huge id", `2` + nines + `["a"]`, ErrNumber.Error()},
		{"id 2^53", `29007199254740992["a"]`, ErrNumber.Error()},
	} {
		if h, n, err := ParseHeader([]byte(tt.wire), true); err == nil || err.Error() != tt.want || n != 0 {
			t.Errorf("%s: got %+v, n %d, error %v, want %q", tt.name, h, n, err, tt.want)
		}
	}
	if _, n, err := ParseHeader([]byte("5"+nines), false); n != 0 || !errors.Is(err, ErrNumber) {
		t.Errorf("got n %d, error %v of a beginning, want %v", n, err, ErrNumber)
	}
}

func TestValidNamespace(t *testing.T) {
	for name, want := range map[string]bool{
		"/": true, "/admin": true, "/a.b%20c/d": true, "/größe": true,
		"": false, "admin": false, "/a\x1Eb": false, "/a\nb": false, "/\x00": false, "/\x7F": false,
		"/" + strings.Repeat("n", MaxNamespace-1): true,
		"/" + strings.Repeat("n", MaxNamespace):   false,
	} {
		if got := ValidNamespace([]byte(name)); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}

func TestParseHeaderAllocatesNothing(t *testing.T) {
	for _, wire := range []string{`2["a"]`, `51-/admin,7["a"]`, `0/admin?x,`} {
		p := []byte(wire)
		if n := testing.AllocsPerRun(100, func() {
			if _, n, err := ParseHeader(p, true); n == 0 || err != nil {
				t.Fatal(n, err)
			}
		}); n != 0 {
			t.Errorf("%s: got %v allocations, want 0", wire, n)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, seed := range []string{"", "0", "0/admin?a=b,{}", `2/admin,456["a"]`, `512-/admin,7["a"]`, "5", "2/a", "299999999999999999[]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, wire string) {
		p := []byte(wire)
		h, n, err := ParseHeader(p, true)
		if err != nil {
			return
		}
		if n != h.Data || n > len(p) || n == 0 || len(h.Namespace) == 0 || h.Namespace[0] != '/' {
			t.Fatalf("%q: got %+v, n %d", wire, h, n)
		}
		wantPrefixes(t, p[:min(len(p), 2*MaxHeader)], h)
		if !h.HasID || h.ID+1<<40 > maxNumber {
			return
		}
		again := AppendWithID(nil, p, h, h.ID+1<<40)
		g, _, err := ParseHeader(again, true)
		if err != nil || g.ID != h.ID+1<<40 || string(g.Namespace) != string(h.Namespace) || string(again[g.Data:]) != string(p[h.Data:]) {
			t.Errorf("%q with another id is %q: %+v, error %v", wire, again, g, err)
		}
	})
}
