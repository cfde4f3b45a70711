package config

import (
	"net/textproto"
	"strings"

	"usher/proxy/http1"
)

var headersKeys = []string{"set", "remove"}

func (l *loader) headers(v value) Headers {
	var h Headers
	o, ok := l.object(v, "in headers", headersKeys)
	if !ok {
		return h
	}
	first := make(map[string]Position)
	h.Set = l.headerLines(o.field("set"), first, l.headerName)
	for _, item := range l.oneOrMore(o.field("remove"), "a header to remove") {
		w, ok := l.text(item)
		if !ok {
			continue
		}
		switch name, ok := l.headerName(w, first); {
		case ok && name == "Host":
			l.errorf(w.Position, "header %s cannot be removed: every request has one", w)
		case ok:
			h.Remove = append(h.Remove, name)
		}
	}
	return h
}

// headerLines reads a mapping of names to values. nameOf is headerName, or
// answerHeader for answers.
func (l *loader) headerLines(v value, first map[string]Position, nameOf func(word, map[string]Position) (string, bool)) []Header {
	var list []Header
	for _, p := range l.pairs(v) {
		p.value.name = "header " + p.key.text
		w, ok := l.word(p.value)
		name, valid := nameOf(p.key, first)
		if ok && valid && l.headerValue(name, w) {
			list = append(list, Header{Name: name, Value: w.text})
		}
	}
	return list
}

// headerName returns the canonical name, unless it stands in first already or
// is not the file's to change.
func (l *loader) headerName(w word, first map[string]Position) (string, bool) {
	name := textproto.CanonicalMIMEHeaderKey(w.text)
	at, twice := first[name]
	switch why := ownership(name); {
	case !http1.IsToken(w.text):
		l.errorf(w.Position, "header name %s holds a character that no header name may have, or none", w)
	case why != "":
		l.errorf(w.Position, "header %s cannot be changed: %s", w, why)
	case twice:
		l.errorf(w.Position, "header %s stands here a second time: the first is at %s", w, l.where(at))
	default:
		first[name] = w.Position
		return name, true
	}
	return "", false
}

// ownership says why a header is not the file's to change, "" if it is.
func ownership(name string) string {
	// Servers after CGI's model read every odd character as a dash.
	twin := textproto.CanonicalMIMEHeaderKey(strings.Map(dashed, name))
	switch twin {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings":
		return "it belongs to one connection, not to the request"
	case "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "X-Request-Id", "X-Client-Subject":
		return "usher sets it"
	case "Content-Length", "Expect":
		return "it belongs to the request's body"
	}
	if strings.HasPrefix(twin, "Sec-Websocket-") {
		return "it belongs to the handshake"
	}
	return ""
}

func dashed(r rune) rune {
	if r < 0x80 && (isLetter(byte(r)) || isDigit(byte(r))) {
		return r
	}
	return '-'
}

// headerValue checks what is never shown: it may be a secret.
func (l *loader) headerValue(name string, w word) bool {
	switch {
	case l.foreignValue(w):
		return false
	case !http1.IsValue(w.text):
		l.errorf(w.Position, "%s holds a control character or a line end", w.name)
		return false
	case strings.Trim(w.text, " \t") != w.text:
		l.errorf(w.Position, "%s begins or ends with a space", w.name)
		return false
	case name == "Host" && NormalHost(w.text) == "":
		l.errorf(w.Position, "header Host must be HOST or HOST:PORT, not %s", w)
		return false
	case w.inFile() && isSecret(name):
		l.warnf(w.Position, "%s is written out in a file that everybody may read: use ${NAME}, or take the permission away", w.name)
	}
	return true
}

// isSecret guesses from a header's name.
func isSecret(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"authorization", "cookie", "password", "secret", "token", "api-key"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
