package command

import (
	"errors"
	"strings"
	"testing"
	"time"

	"usher/proxy/admin"
)

func TestTapText(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.Local)
	frame := func(change func(*admin.TapFrame)) admin.TapLine {
		f := &admin.TapFrame{Time: at, Session: "s1", From: "client", To: "upstream", Opcode: "text", Fin: true, Size: 5}
		change(f)
		return admin.TapLine{TapFrame: f}
	}
	for _, tt := range []struct {
		line admin.TapLine
		want string
	}{
		{frame(func(f *admin.TapFrame) { f.Text = "hello" }), `03:04:05.006 s1 client > upstream text                 5 B  "hello"`},
		{frame(func(f *admin.TapFrame) { f.Text, f.Cut, f.Size = "a\x1b[2Jb\n", true, 2000 }), `03:04:05.006 s1 client > upstream text             2.0 KiB  "a\x1b[2Jb\n"...`},
		{frame(func(f *admin.TapFrame) { f.Text = `{"a":1}` }), "03:04:05.006 s1 client > upstream text                 5 B  `{\"a\":1}`"},
		{frame(func(f *admin.TapFrame) { f.Opcode, f.Hex, f.Fin = "binary", "0061ff", false }), `03:04:05.006 s1 client > upstream binary...            5 B  bytes "\x00a\xff"`},
		{frame(func(f *admin.TapFrame) { f.Opcode = "continuation" }), `03:04:05.006 s1 client > upstream continued            5 B`},
		{frame(func(f *admin.TapFrame) { f.Compressed = true }), `03:04:05.006 s1 client > upstream text                 5 B  compressed`},
		{frame(func(f *admin.TapFrame) {
			f.From, f.To, f.Opcode, f.Code, f.Text = "usher", "client", "close", 1012, "bye"
		}), `03:04:05.006 s1 usher > client    close                5 B  1012 "bye"`},
		{frame(func(f *admin.TapFrame) { f.Opcode, f.Size = "ping", 0 }), `03:04:05.006 s1 client > upstream ping                 0 B`},
		{frame(func(f *admin.TapFrame) { f.Polling, f.Text = true, "2" }), `03:04:05.006 s1 client > upstream text (polling)       5 B  "2"`},
		{frame(func(f *admin.TapFrame) { f.From, f.To, f.Leg = "upstream", "client", "chat" }), `03:04:05.006 s1 upstream > client (chat) text                 5 B`},
		{admin.TapLine{Missed: 120}, `... 120 frames not shown`},
		{admin.TapLine{Missed: 1}, `... 1 frame not shown`},
	} {
		if got := new(tapText).line(tt.line); got != tt.want {
			t.Errorf("got\n%s\nwant\n%s", got, tt.want)
		}
	}
}

// TestTapColumns has lines of many sessions below each other.
func TestTapColumns(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.Local)
	frame := func(id, client, route, leg string) admin.TapLine {
		return admin.TapLine{TapFrame: &admin.TapFrame{
			Time: at, Session: id, Client: client, Route: route, Leg: leg,
			From: "client", To: "upstream", Opcode: "text", Fin: true, Size: 5, Text: "hello",
		}}
	}
	lines := []admin.TapLine{
		frame("53880eac748c5997d931b361bb39e77f", "203.0.113.77", "app.example.com/socket.io", "chat"),
		{Missed: 3},
		frame("a", "10.0.0.1", "/", ""),
	}
	for named, want := range map[bool]string{
		true: `03:04:05.006 53880eac 203.0.113.77 app.example.com/socket.io client > upstream (chat) text                 5 B  "hello"
... 3 frames not shown
03:04:05.006 a        10.0.0.1     /                         client > upstream        text                 5 B  "hello"
`,
		false: `03:04:05.006 53880eac client > upstream (chat) text                 5 B  "hello"
... 3 frames not shown
03:04:05.006 a        client > upstream        text                 5 B  "hello"
`,
	} {
		text, got := tapText{named: named}, ""
		for _, l := range lines {
			got += text.line(l) + "\n"
		}
		if got != want {
			t.Errorf("named %v: got\n%swant\n%s", named, got, want)
		}
	}
}

func TestTapCopy(t *testing.T) {
	for _, tt := range []struct {
		json       bool
		from       string
		out, wants string // "" for an end that was not told
	}{
		{true, `{"missed":3}` + "\n" + `{"end":"limit"}` + "\n", `{"missed":3}` + "\n", "limit"},
		{false, `{"missed":3}` + "\n", "... 3 frames not shown\n", ""},
		{false, `{"missed":3`, "", ""},
	} {
		var out strings.Builder
		why, err := TapOptions{JSON: tt.json}.copy(&out, strings.NewReader(tt.from))
		if why != tt.wants || err != nil || out.String() != tt.out {
			t.Errorf("%q: got %q, %q, %v; want %q, %q", tt.from, out.String(), why, err, tt.out, tt.wants)
		}
	}
	for want, o := range map[bool]TapOptions{true: {}, false: {Route: "/chat"}} {
		var out strings.Builder
		o.copy(&out, strings.NewReader(`{"session":"a","client":"10.0.0.1","route":"/chat"}`+"\n"))
		if got := strings.Contains(out.String(), " 10.0.0.1 /chat "); got != want {
			t.Errorf("%+v: got %q, want client and route: %v", o, out.String(), want)
		}
	}
	if _, err := (TapOptions{}).copy(failing{}, strings.NewReader(`{"missed":3}`+"\n")); !errors.Is(err, errTest) {
		t.Errorf("an output that fails: got %v, want %v", err, errTest)
	}
	if _, err := (TapOptions{}).copy(failing{}, strings.NewReader("hello\n")); err == nil {
		t.Error("no JSON: got no error")
	}
}

var errTest = errors.New("output is full")

// failing is a writer that takes nothing.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errTest }
