package command

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"usher/proxy/admin"
)

// TapBytes is how much of each payload is shown, if nobody says how much.
const TapBytes = 256

// TapOptions say which frames to show.
type TapOptions struct {
	OperatorOptions
	Route, Session string // "" for all

	Limit int  // frames; 0 for all
	Bytes int  // of each payload
	JSON  bool // as the operators' address has it
}

// errTapLost is the end of a tap that nobody wanted.
var errTapLost = errors.New("the tap was cut off: usher has stopped, or this reader was too slow")

// Tap writes the frames of a running usher as they pass, until ctx ends.
func Tap(ctx context.Context, w, stderr io.Writer, o TapOptions) error {
	if o.Limit < 0 {
		return &UsageError{Text: fmt.Sprintf("--limit must be 1 or more, not %d", o.Limit), Hint: "usher tap --limit 10; without it, it goes on"}
	}
	c, err := o.connect()
	if err != nil {
		return err
	}
	body, err := c.send(ctx, http.MethodGet, "/v1/tap?"+o.query().Encode(), nil)
	if err != nil {
		return err
	}
	defer body.Close()
	why, err := o.copy(w, body)
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil && why == "":
		return errTapLost
	case err == nil && why != "limit":
		fmt.Fprintf(stderr, "usher: %s\n", why) //nolint:errcheck // nobody is left to hear it
	}
	return err
}

func (o TapOptions) query() url.Values {
	query := url.Values{"bytes": {strconv.Itoa(o.Bytes)}}
	if o.Limit > 0 {
		query.Set("limit", strconv.Itoa(o.Limit))
	}
	if o.Route != "" {
		query.Set("route", o.Route)
	}
	if o.Session != "" {
		query.Set("session", o.Session)
	}
	return query
}

// copy writes what comes, and returns why no more does: "" if it was not said.
func (o TapOptions) copy(w io.Writer, from io.Reader) (why string, err error) {
	lines := bufio.NewReaderSize(from, 64<<10)
	text := tapText{named: o.Route == "" && o.Session == ""}
	for {
		raw, err := lines.ReadBytes('\n')
		if err != nil {
			return "", nil //nolint:nilerr // whatever it is, the end was not told
		}
		var line admin.TapLine
		if err := json.Unmarshal(raw, &line); err != nil {
			return "", fmt.Errorf("no line of usher's: %w", err)
		}
		if line.End != "" {
			return line.End, nil
		}
		if !o.JSON {
			raw = []byte(text.line(line) + "\n")
		}
		if _, err := w.Write(raw); err != nil {
			return "", err
		}
	}
}

// tapText writes lines for people.
type tapText struct {
	named  bool  // with client and route, since they are not always the same
	widths []int // of the columns: what comes may widen them, nothing narrows them
}

// tapID is how much of a session's id is shown: enough for --session.
const tapID = 8

// line writes time, session, direction, what it is, how large, what stands in it.
func (t *tapText) line(l admin.TapLine) string {
	f := l.TapFrame
	if f == nil {
		return fmt.Sprintf("... %s not shown", count(l.Missed, "frame"))
	}
	cells := []string{f.Time.Local().Format("15:04:05.000"), fmt.Sprintf("%.*s", tapID, oneLine(f.Session))}
	if t.named {
		cells = append(cells, oneLine(f.Client), oneLine(f.Route))
	}
	way := fmt.Sprintf("%-17s", f.From+" > "+f.To)
	if f.Leg != "" {
		way += " (" + f.Leg + ")"
	}
	text := t.align(append(cells, way, fmt.Sprintf("%-14s", kind(f)))) + fmt.Sprintf("%9s", size(uint64(f.Size)))
	if content := content(f); content != "" {
		text += "  " + content
	}
	return text
}

// align puts a space behind each cell, and more where one before was wider.
func (t *tapText) align(cells []string) string {
	var line strings.Builder
	for i, cell := range cells {
		if i == len(t.widths) {
			t.widths = append(t.widths, 0)
		}
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
		fmt.Fprintf(&line, "%-*s ", t.widths[i], cell)
	}
	return line.String()
}

// kind says what a frame is; a whole message is its opcode alone.
func kind(f *admin.TapFrame) string {
	kind := f.Opcode
	if f.Opcode == "continuation" {
		kind = "continued"
	}
	if !f.Fin {
		kind += "..."
	}
	if f.Polling {
		kind += " (polling)"
	}
	return kind
}

// content writes the payload, in which others may have written what terminals
// obey.
func content(f *admin.TapFrame) string {
	raw, _ := hex.DecodeString(f.Hex)
	var words []string
	if f.Code != 0 {
		words = append(words, strconv.Itoa(int(f.Code)))
	}
	switch {
	case f.Compressed:
		words = append(words, "compressed")
	case f.Hex != "":
		words = append(words, "bytes "+strconv.QuoteToASCII(string(raw))+more(f.Cut))
	case f.Text != "":
		words = append(words, quote(f.Text)+more(f.Cut))
	}
	return strings.Join(words, " ")
}

// quote writes text that others have written: as it is where that is safe and
// quotes in it would be escaped.
func quote(text string) string {
	unsafe := func(r rune) bool { return r == '`' || !unicode.IsPrint(r) }
	if strings.ContainsAny(text, `"\`) && !strings.ContainsFunc(text, unsafe) {
		return "`" + text + "`"
	}
	return strconv.QuoteToGraphic(text)
}

func more(cut bool) string {
	if cut {
		return "..."
	}
	return ""
}

// count returns "1 frame" or "7 frames".
func count(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
