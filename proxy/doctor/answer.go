package doctor

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// answer is what a server did with one request.
type answer struct {
	status int // of the first HTTP answer; 0 if none came
	header http.Header
	body   string // of the first HTTP answer, its beginning

	second string        // status line of another HTTP answer that stands in the stream behind a 101
	text   []string      // messages that came behind a 101, cut short
	first  time.Duration // until the first byte
	ended  time.Duration // until the server ended its side; 0 if it did not
	killed time.Duration // until the server, having ended its side, closed the socket; 0 if it did not
	err    error         // of the connection, if no answer came
}

// silentEnd reports whether the server closed without a word.
func (a *answer) silentEnd() bool { return a.status == 0 && a.ended > 0 }

// over reports whether a socket that was answered 101 is of no use any more.
func (a *answer) over() bool { return a.ended > 0 || a.second != "" }

// said reports whether a message behind the 101 began so.
func (a *answer) said(begin string) bool {
	return slices.ContainsFunc(a.text, func(s string) bool { return strings.HasPrefix(s, begin) })
}

// line describes the answer.
func (a *answer) line() string {
	switch {
	case a.silentEnd():
		return fmt.Sprintf("by closing the connection without a word after %s", seconds(a.ended))
	case a.status == 0 && a.err != nil:
		return fmt.Sprintf("with %v", plainCause(a.err))
	case a.status == 0:
		return "with nothing"
	}
	s := fmt.Sprintf("with %d %s", a.status, http.StatusText(a.status))
	if body := strings.TrimSpace(a.body); body != "" && !strings.HasPrefix(body, "<") && body != http.StatusText(a.status) {
		s += fmt.Sprintf(" %q", cut(body, 60))
	}
	return s
}

// Error codes of Engine.IO.
const (
	codeNone        = -1
	codeTransport   = 0
	codeSid         = 1
	codeBadRequest  = 3
	codeForbidden   = 4
	codeUnsupported = 5
)

// code returns the Engine.IO error of an HTTP answer to a request that was
// handled as no upgrade, or codeNone.
func (a *answer) code() int {
	if a.status != http.StatusBadRequest && a.status != http.StatusForbidden {
		return codeNone
	}
	var e struct {
		Code    *int
		Message string
	}
	if json.Unmarshal([]byte(a.body), &e) != nil || e.Code == nil || e.Message == "" {
		return codeNone
	}
	return *e.Code
}

// unknownSid reports whether the upgrade handler of Engine.IO knew no such session.
func (a *answer) unknownSid() bool {
	return a.status == http.StatusBadRequest && a.body == "Session ID unknown"
}

// fromWS reports whether a `ws` server refused the upgrade: it closes, and
// names either the rule or just the status.
func (a *answer) fromWS() bool {
	if a.status != http.StatusBadRequest || a.header.Get("Date") != "" {
		return false
	}
	return a.body == "Bad Request" || a.namesRule()
}

// namesRule reports whether a `ws` server refused a header before it looked at
// the path. Servers before ws 8.5 never say so.
func (a *answer) namesRule() bool {
	return strings.Contains(a.body, "invalid Sec-WebSocket-Version") || strings.Contains(a.body, "Invalid Sec-WebSocket-Protocol")
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "..."
	}
	return s
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%.1f s", d.Seconds())
}
