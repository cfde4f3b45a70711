package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log" //nolint:depguard // it is what the test is about
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
)

// Row 45 of the attacks: an event is one line, of a length that nobody else
// chooses, and nothing in it ends a value.
func TestAttack45LogLines(t *testing.T) {
	forged := "a\nlevel=ERROR msg=\"forged\" \" \\ = " + hostile
	for form, newLog := range map[string]func(io.Writer, slog.Leveler) *slog.Logger{"text": newTextLog, "json": newJSONLog} {
		for name, value := range map[string]any{
			"forged": forged, "long": strings.Repeat("x", 60<<10), "no text": strings.Repeat("\xff", 60<<10),
			"an error": errors.New(forged + strings.Repeat("\xff", 60<<10)), "a list": []string{forged, strings.Repeat("\xff", 60<<10)},
			"many": strings.Split(strings.Repeat(forged+",", 1000), ","),
		} {
			t.Run(form+" "+name, func(t *testing.T) {
				var b bytes.Buffer
				newLog(&b, nil).Info("event", "value", value, "last", "end")
				if n := bytes.Count(b.Bytes(), []byte("\n")); n != 1 {
					t.Errorf("got %d lines, want one: %.300q", n, &b)
				}
				if b.Len() > 8*maxLogged {
					t.Errorf("got %d bytes, want %d at most", b.Len(), 8*maxLogged)
				}
				wantVisible(t, b.Bytes())
				if form == "text" {
					if n := strings.Count(b.String(), " level="); n > 1 && !strings.Contains(b.String(), `\nlevel=`) {
						t.Errorf("got %.300q, want one level", &b)
					}
					return
				}
				var fields map[string]any
				if err := json.Unmarshal(b.Bytes(), &fields); err != nil || fields["level"] != "INFO" || fields["last"] != "end" {
					t.Errorf("got %v, %v, want the event's fields", fields, err)
				}
			})
		}
	}
}

// What net/http says by the standard logger of an upstream's stray bytes is a
// line as any other.
func TestStandardLogger(t *testing.T) {
	before, flags := slog.Default(), log.Flags()
	t.Cleanup(func() {
		slog.SetDefault(before)
		log.SetOutput(os.Stderr)
		log.SetFlags(flags)
	})
	var b bytes.Buffer
	leadStandard(newJSONLog(&b, nil))
	log.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", strings.Repeat("x\n", 4000), io.EOF)
	var fields map[string]any
	if err := json.Unmarshal(b.Bytes(), &fields); err != nil || fields["level"] != "WARN" {
		t.Errorf("got %v, %v, want one line of JSON at WARN", fields, err)
	}
	if n := bytes.Count(b.Bytes(), []byte("\n")); n != 1 || b.Len() > 8*maxLogged {
		t.Errorf("got %d lines of %d bytes, want one, %d at most", n, b.Len(), 8*maxLogged)
	}
}

// Of a list, such as the errors of a reload, so much is told that it helps: the
// beginning of a long one, and many of a usual length.
func TestLongLists(t *testing.T) {
	var faults []string
	for i := range 20 {
		faults = append(faults, fmt.Sprintf("routes.yaml:%d:11: upstream \"checkout-service\" is not defined, did you mean \"check-out-service\"?", i+10))
	}
	long := "routes.yaml:3:4: " + strings.Repeat("x", 2*maxLogged)
	for name, tt := range map[string]struct{ list, want []string }{
		"twenty":       {faults, faults},
		"one long one": {[]string{long}, []string{long[:maxLogged] + fmt.Sprintf("... (%d bytes)", len(long))}},
		"behind it":    {append([]string{long}, faults...), append([]string{cut(long)}, faults...)},
		"too many":     {slices.Repeat([]string{long[:maxLogged]}, 100), append(slices.Repeat([]string{long[:maxLogged]}, maxLoggedList/maxLogged), "... (4 of 100)")},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			newJSONLog(&b, nil).Error("event", "errors", tt.list)
			var fields struct{ Errors []string }
			if err := json.Unmarshal(b.Bytes(), &fields); err != nil || !slices.Equal(fields.Errors, tt.want) {
				t.Errorf("got %q, %v, want %q", fields.Errors, err, tt.want)
			}
		})
	}
}
