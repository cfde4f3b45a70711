package accesslog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"

	"usher/proxy/redact"
)

// gone is the status of a request whose client went before its answer, as nginx
// has it.
const gone = 499

// seen is text as a log may have it: without secrets, by their names and forms,
// and nothing that a terminal would obey.
func seen(text string, cut bool) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, redact.Text(text, cut))
}

// record is a line in JSON. Its names are those of the session's line.
type record struct {
	Time     string  `json:"time"`
	ID       string  `json:"id"`
	Client   string  `json:"client"`
	Method   string  `json:"method"`
	Host     string  `json:"host"`
	Target   string  `json:"target"`
	Proto    string  `json:"proto"`
	Status   int     `json:"status"`
	Upgrade  bool    `json:"upgrade,omitempty"`
	Route    string  `json:"route,omitempty"`
	Upstream string  `json:"upstream,omitempty"`
	In       int64   `json:"bytes_in"`
	Out      int64   `json:"bytes_out"`
	Head     float64 `json:"head_s,omitempty"`
	Held     float64 `json:"held_s,omitempty"`
	Duration float64 `json:"duration_s"`
	Referer  string  `json:"referer,omitempty"`
	Agent    string  `json:"user_agent,omitempty"`
}

func appendJSON(b []byte, l *Line) []byte {
	r := record{
		Time: l.began.UTC().Format(time.RFC3339Nano), ID: seen(l.id, false), Client: l.client, Method: seen(l.method, false), Host: seen(l.host, false),
		Target: seen(l.target, l.cut), Proto: l.proto, Status: cmp.Or(l.Status, gone), Upgrade: l.upgrade, Route: l.Route, Upstream: l.Upstream,
		In: l.Received, Out: l.Sent, Held: l.Held.Seconds(), Duration: l.duration.Seconds(), Referer: seen(l.referer, true), Agent: seen(l.agent, true),
	}
	if !l.Head.IsZero() {
		r.Head = l.Head.Sub(l.began).Seconds()
	}
	out := bytes.NewBuffer(b)
	to := json.NewEncoder(out)
	to.SetEscapeHTML(false)
	to.Encode(r) //nolint:errcheck // to memory
	return out.Bytes()
}

// appendCombined appends the line that Apache and nginx call so.
func appendCombined(b []byte, l *Line) []byte {
	b = append(b, l.client...)
	b = l.began.AppendFormat(append(b, " - - ["...), "02/Jan/2006:15:04:05 -0700")
	b = quoted(append(b, "] "...), seen(l.method, false)+" "+seen(l.target, l.cut)+" "+l.proto)
	b = strconv.AppendInt(append(b, ' '), int64(cmp.Or(l.Status, gone)), 10)
	b = strconv.AppendInt(append(b, ' '), l.Sent, 10)
	b = quoted(append(b, ' '), cmp.Or(seen(l.referer, true), "-"))
	b = quoted(append(b, ' '), cmp.Or(seen(l.agent, true), "-"))
	return append(b, '\n')
}

// quoted appends text, of which nothing ends the quotes.
func quoted(b []byte, text string) []byte {
	b = append(b, '"')
	for i := range len(text) {
		switch c := text[i]; c {
		case '"', '\\':
			b = append(b, '\\', 'x', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
