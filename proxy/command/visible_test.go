package command

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"usher/proxy/admin"
)

// hostile is what others may have written: colours, the clipboard (OSC 52), a
// control sequence in one character, text that is turned around, no width, and
// bytes that are no text.
const hostile = "a\x1b[31mb\x1b]52;c;cm0=\x07\u009b2J\u202eexe\u200b\u2066\ufeff\U000e0041\r\n\x9b\x00z"

// Rows 43 and 44 of the attacks.
func TestAttack43Visible(t *testing.T) {
	for name, write := range map[string]func(b *bytes.Buffer){
		"sessions": func(b *bytes.Buffer) {
			writeSessions(b, admin.SessionPage{Sessions: []admin.Session{{ID: hostile, Client: hostile, Split: &admin.Split{Namespaces: []string{hostile}, Waiting: []string{hostile}}}}})
		},
		"a table": func(b *bytes.Buffer) { writeTable(b, "", [][]string{{hostile, hostile}}) },
		"a tap": func(b *bytes.Buffer) {
			b.WriteString(new(tapText).line(admin.TapLine{TapFrame: &admin.TapFrame{Session: hostile, From: hostile, To: hostile, Leg: hostile, Opcode: hostile, Text: hostile}}))
		},
		"an error": func(b *bytes.Buffer) { Report(b, &hintError{Err: &UsageError{Text: hostile}, Hint: hostile}) },
	} {
		t.Run(name, func(t *testing.T) {
			var plain, out bytes.Buffer
			write(&plain)
			if n, err := Visible(&out).Write(plain.Bytes()); n != plain.Len() || err != nil {
				t.Fatalf("write: got %d, %v, want %d", n, err, plain.Len())
			}
			wantVisible(t, out.Bytes())
		})
	}
}

// Each line of a table is one, whatever stands in it.
func TestAttack43TableLines(t *testing.T) {
	var b bytes.Buffer
	writeTable(&b, "", [][]string{{hostile, "end"}, {"short", "end"}})
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("got %d lines, want 2: %q", len(lines), lines)
	}
	wantVisible(t, b.Bytes())
}

func TestTopIsVisible(t *testing.T) {
	v := topView{table: topUsers, order: byAge, fault: hostile}
	v.now.sessions.Sessions = []admin.Session{{ID: hostile, Route: hostile, Client: hostile}}
	for _, lines := range [][]string{v.plain(), v.render(200, 20)} {
		wantVisible(t, []byte(strings.Join(lines, "\n")))
	}
}

// JSON says the same when it is visible.
func FuzzVisible(f *testing.F) {
	f.Add(hostile)
	f.Add("plain, \"quoted\" and é 日本 👍🏽")
	f.Fuzz(func(t *testing.T, s string) {
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		shown := appendVisible(nil, raw)
		wantVisible(t, shown)
		var want, got string
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(shown, &got); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	})
}

func wantVisible(t *testing.T, b []byte) {
	t.Helper()
	for _, r := range string(b) {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			t.Errorf("got %q in %q, want only what is printed", r, b)
		}
	}
}
