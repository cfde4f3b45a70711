package config

import "slices"

var answerHeadersKeys = []string{"set", "add", "remove"}

// AnswerHeaders are changes to every answer on its way to the client. Add stands
// beside what there is.
type AnswerHeaders struct {
	Set, Add []Header
	Remove   []string // canonical names
}

// answerHeaders returns base, or what v sets in place of it.
func (l *loader) answerHeaders(v value, base AnswerHeaders) AnswerHeaders {
	o, ok := l.object(v, "in response_headers", answerHeadersKeys)
	if !ok {
		return base
	}
	var a AnswerHeaders
	first := make(map[string]Position)
	a.Set = l.headerLines(o.field("set"), first, l.answerHeader)
	a.Add = l.headerLines(o.field("add"), first, l.answerHeader)
	for _, item := range l.oneOrMore(o.field("remove"), "a header to remove") {
		if w, ok := l.text(item); ok {
			if name, ok := l.answerHeader(w, first); ok {
				a.Remove = append(a.Remove, name)
			}
		}
	}
	return a
}

// Drops tells whether a header of an answer does not reach the client.
func (a *AnswerHeaders) Drops(name string) bool {
	return slices.Contains(a.Remove, name) || slices.ContainsFunc(a.Set, func(h Header) bool { return h.Name == name })
}

// Apply changes the header of an answer, whose names are canonical.
func (a *AnswerHeaders) Apply(h map[string][]string) {
	for _, name := range a.Remove {
		delete(h, name)
	}
	for _, l := range a.Set {
		h[l.Name] = []string{l.Value}
	}
	for _, l := range a.Add {
		h[l.Name] = append(slices.Clip(h[l.Name]), l.Value)
	}
}
