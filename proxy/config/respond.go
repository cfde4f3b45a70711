package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Respond is an answer of usher's own.
type Respond struct {
	Status  int
	Body    string   // in the file itself
	File    string   // whose content is the body; "" for none. Relative to the folder of the routes file
	FileAt  Position // where it stands
	Headers []Header
}

// answers are the keys of a route of which it has exactly one.
var answers = []string{"upstream", "namespaces", "redirect", "respond"}

var respondKeys = []string{"status", "body", "file", "headers"}

// Answer returns which key has usher itself answer the route's requests, "" if an
// upstream does.
func (r *Route) Answer() string {
	switch {
	case r.Redirect != nil:
		return "redirect"
	case r.Respond != nil:
		return "respond"
	}
	return ""
}

// own reads a route that needs no upstream.
func (l *loader) own(o object, r *Route) {
	first := ""
	for _, key := range answers {
		switch v := o.field(key); {
		case v.given() && first != "":
			l.errorf(v.used, "a route has exactly one of %s: %s stands here already", enumerate(answers), first)
		case v.given():
			first = key
		}
	}
	for _, key := range []string{"socketio", "compress", "strip_prefix", "replace_prefix", "slash", "origins", "headers", "relay", "allow", "deny", "auth", "limits", "encode"} {
		if v := o.field(key); v.given() {
			l.errorf(v.used, "%s is never used: the route has no upstream, and answers everybody", key)
		}
	}
	if o.field("redirect").given() {
		r.Redirect = l.redirect(o, r)
	} else {
		r.Respond = l.respond(o.field("respond"))
	}
}

// needNone tells whether none of the routes, which are not read yet, needs an
// upstream.
func (l *loader) needNone(routes value) bool {
	if !routes.given() || routes.node.Kind != yaml.SequenceNode || len(routes.node.Content) == 0 {
		return false
	}
	return !slices.ContainsFunc(routes.node.Content, func(n *yaml.Node) bool {
		r := l.value("a route", n)
		return !l.inside(r, "redirect").given() && !l.inside(r, "respond").given()
	})
}

// unledCode reports a code that no redirect has.
func (l *loader) unledCode(o object) {
	if v := o.field("code"); v.given() && !o.field("redirect").given() && !o.meant["redirect"] {
		l.errorf(v.used, "code is for routes with redirect: in respond it is called status")
	}
}

func (l *loader) respond(v value) *Respond {
	a := &Respond{Status: 200}
	o, ok := l.object(v, "in respond", respondKeys)
	if !ok {
		return a
	}
	status := int64(a.Status)
	l.count(o.field("status"), 200, 599, &status)
	a.Status = int(status)
	if body := o.field("body"); body.given() {
		w, _ := l.word(body)
		a.Body = w.text
	}
	if w, ok := l.text(o.field("file")); ok {
		a.File, a.FileAt = w.text, w.Position
		if o.field("body").given() {
			l.errorf(w.Position, "respond has body already: it takes one of body and file")
		}
	}
	if (a.Status == 204 || a.Status == 304) && (a.Body != "" || a.File != "") {
		l.errorf(o.Position, "an answer with status %d has no body", a.Status)
	}
	a.Headers = l.headerLines(o.field("headers"), make(map[string]Position), l.answerHeader)
	return a
}

// answerHeader is headerName for answers.
func (l *loader) answerHeader(w word, first map[string]Position) (string, bool) {
	switch name := strings.ToLower(w.text); name {
	case "date", "content-length", "content-encoding", "sec-websocket-accept", "upgrade", "connection", "transfer-encoding":
		l.errorf(w.Position, "header %s cannot be changed: it belongs to the answer", w)
		return "", false
	}
	return l.headerName(w, first)
}
