package socketio

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParseAnswer(t *testing.T) {
	for _, tt := range []struct {
		data string
		want Answer
	}{
		{`{"sid":"a1"}`, Answer{SID: "a1"}},
		{`{"sid":"a1","pid":"p_-"}`, Answer{"a1", "p_-"}},
		{`{"x":{"pid":"no"},"pid" : "yes","sid":"a"}`, Answer{"a", "yes"}},
		{`{"pid":7}`, Answer{}},
		{`{"pid":"first","pid":"last"}`, Answer{PID: "last"}},
		{``, Answer{}},
		{`["pid"]`, Answer{}},
		{`{"pid":"a","x":`, Answer{}},
	} {
		if got := ParseAnswer([]byte(tt.data)); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.data, got, tt.want)
		}
	}
}

func mustHeader(t *testing.T, p []byte) Header {
	t.Helper()
	h, _, err := ParseHeader(p, true)
	if err != nil {
		t.Fatalf("%q: %v", p, err)
	}
	return h
}

func TestTags(t *testing.T) {
	for _, tt := range []struct{ plain, tag, tagged string }{
		{`0{"sid":"a","pid":"p1"}`, "t9", `0{"sid":"a","pid":"p1~t9"}`},
		{`0/chat,{"pid": "p1" ,"offset":"~o"}`, "t9", `0/chat,{"pid": "p1~t9" ,"offset":"~o"}`},
		{`0/chat,{"a":{"pid":"in~ner"},"pid":"p1"}`, "t", `0/chat,{"a":{"pid":"in~ner"},"pid":"p1~t"}`},
		{`0/chat,{"sid":"a"}`, "", `0/chat,{"sid":"a"}`},
		{`0/chat,`, "", `0/chat,`},
		{`0`, "", `0`},
	} {
		p := []byte(tt.plain)
		tagged := AppendTagged(nil, p, mustHeader(t, p), "t9"[:min(2, len(tt.tag))])
		if string(tagged) != tt.tagged {
			t.Errorf("got %s, want %s", tagged, tt.tagged)
		}
		back, tag := AppendUntagged(nil, tagged, mustHeader(t, tagged))
		if string(back) != tt.plain || tag != tt.tag {
			t.Errorf("got %s, tag %q, want %s, %q", back, tag, tt.plain, tt.tag)
		}
	}
}

func TestAppendRecovery(t *testing.T) {
	for _, tt := range []struct{ connect, want string }{
		{`0`, `0{"pid":"p","offset":"o\"1"}`},
		{`0/chat,`, `0/chat,{"pid":"p","offset":"o\"1"}`},
		{`0/chat,{}`, `0/chat,{"pid":"p","offset":"o\"1"}`},
		{`0/chat,{ }`, `0/chat,{ "pid":"p","offset":"o\"1"}`},
		{`0/chat,{"token":"x"}`, `0/chat,{"token":"x","pid":"p","offset":"o\"1"}`},
	} {
		p := []byte(tt.connect)
		got := AppendRecovery(nil, p, mustHeader(t, p), "p", `o"1`)
		if string(got) != tt.want {
			t.Errorf("%s: got %s, want %s", tt.connect, got, tt.want)
		}
	}
}

func TestOffset(t *testing.T) {
	for _, tt := range []struct{ data, want string }{
		{`["event",1,"ofF-_set"]`, "ofF-_set"},
		{`["event","ofF-_set"] `, "ofF-_set"},
		{`["event"]`, ""}, // the event's own name
		{`["event",1]`, ""},
		{`["event","a\"b"]`, ""},
		{`["event",{"a":"b"}]`, ""},
		{`["event",["b"]]`, ""},
		{`["event","` + strings.Repeat("x", maxOffset) + `"]`, strings.Repeat("x", maxOffset)},
		{`["event","` + strings.Repeat("x", maxOffset+1) + `"]`, ""},
		{`,"a"]`, "a"}, // is no event, and nobody is hurt
		{`"]`, ""}, {`a"]`, ""}, {`]`, ""}, {``, ""},
	} {
		if got := Offset([]byte(tt.data)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.data, got, tt.want)
		}
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add(`0{"sid":"a","pid":"p1~x"}`, "t")
	f.Add(`0/a,{"pid":"\"\\","pid":{}}`, "u")
	f.Fuzz(func(t *testing.T, wire, tag string) {
		p := []byte(wire)
		h, _, err := ParseHeader(p, true)
		if err != nil {
			return
		}
		_ = Offset(p[h.Data:])
		_, _ = AppendUntagged(nil, p, h)
		if quoted, _ := json.Marshal(tag); string(quoted) != `"`+tag+`"` || strings.ContainsRune(tag, tagMark) {
			return // tags are made of letters
		}
		tagged := AppendTagged(nil, p, h, tag)
		if string(tagged) == wire {
			return
		}
		if back, got := AppendUntagged(nil, tagged, h); string(back) != wire || got != tag {
			t.Errorf("%q with tag %q is %q, and without it %q", wire, tag, tagged, back)
		}
	})
}

func TestValidConnectData(t *testing.T) {
	for data, want := range map[string]bool{
		``: true, ` `: true, `{}`: true, ` {"a":[1,{}]} `: true, "\t{\"sid\":\"\\ud800\"}\n": true,
		`x`: false, `,`: false, `"x"`: false, `{"a":1`: false, `{}{}`: false, `{},`: false, `{a:1}`: false,
		`null`: true, `[]`: true, `[{}]`: true, `nul`: false, `[}`: false, `true`: false, `-1`: false,
	} {
		if got := ValidConnectData([]byte(data)); got != want {
			t.Errorf("%q: got %v, want %v", data, got, want)
		}
	}
}
