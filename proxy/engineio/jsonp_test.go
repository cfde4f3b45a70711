package engineio

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppendJSONP(t *testing.T) {
	for _, tt := range []struct{ name, index, payload, want string }{
		{"3.9 plain", "0", "2:4a", `___eio[0]("2:4a");`},
		{"3.9 only digits of j", "1);alert(2", "6", `___eio[12]("6");`},
		{"3.9 no digits", "x", "6", `___eio[]("6");`},
		{"3.9 escapes", "3", "4\"\\\b\f\n\r\t\x00\x1F/\x7F</script>", `___eio[3]("4\"\\\b\f\n\r\t\u0000\u001f/` + "\x7F" + `</script>");`},
		{"3.9 line ends of scripts", "3", "4\u2028\u2029€😀", `___eio[3]("4\u2028\u2029€😀");`},
		{"4.1 separator", "3", "2\x1E6", `___eio[3]("2\u001e6");`},
	} {
		if got := string(AppendJSONP(nil, tt.index, []byte(tt.payload))); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestDecodeJSONP(t *testing.T) {
	for _, tt := range []struct {
		name, form, want string
		err              error
	}{
		{"3.9 plain", "d=2%3A4a", "2:4a", nil},
		{"3.9 plus", "d=4a+b", "4a b", nil},
		{"3.9 newline", `d=4%5Cn`, "4\n", nil},
		{"3.9 backslash and n", `d=4%5C%5Cn`, `4\n`, nil},
		{"3.9 two backslashes, another, n", `d=4%5C%5C%5Cn`, `4\\n`, nil},
		{"3.9 other escapes stay", `d=4%5Ct%5C%5Ct`, `4\t\\t`, nil},
		{"3.9 unicode", "d=4%E2%82%AC", "4€", nil},
		{"no escape stays", "d=100%&x=1", "100%", nil},
		{"half an escape stays", "d=%4&d2=", "%4", nil},
		{"no field", "x=1", "", ErrForm},
		{"two fields", "d=1&d=2", "", ErrForm},
		{"nothing", "", "", ErrForm},
	} {
		got, err := DecodeJSONP([]byte(tt.form))
		if string(got) != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: got %q, error %v, want %q, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
}

// posted is the form that the JSONP transport of engine.io-client 3.5 makes.
func posted(payload string) string {
	return "d=" + url.QueryEscape(strings.ReplaceAll(strings.ReplaceAll(payload, `\n`, `\\n`), "\n", `\n`))
}

func FuzzJSONP(f *testing.F) {
	f.Add("4\"\\\n\u2028</script>\x1E")
	f.Add(`4\n` + "\n")
	f.Fuzz(func(t *testing.T, payload string) {
		if !utf8.ValidString(payload) {
			return
		}
		script := string(AppendJSONP(nil, "7", []byte(payload)))
		text, _ := strings.CutSuffix(strings.TrimPrefix(script, "___eio[7]("), ");")
		var back string
		if err := json.Unmarshal([]byte(text), &back); err != nil || back != payload {
			t.Errorf("%q became %q, error %v", payload, back, err)
		}
		if strings.ContainsAny(script, "\n\r\u2028\u2029") {
			t.Errorf("%q ends a line of the script %q", payload, script)
		}
		if got, err := DecodeJSONP([]byte(posted(payload))); err != nil || string(got) != payload && !strings.Contains(payload, `\`) {
			t.Errorf("%q was posted and became %q, error %v", payload, got, err)
		}
	})
}
