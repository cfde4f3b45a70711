package auth

import (
	"net/http"
	"strings"
	"unique"
)

// Question is what a service was asked about a client, so that it can be asked again;
// the zero value is none. Equal ones share their text. It may hold cookies and tokens:
// nobody is shown it but the process that takes this one's place.
type Question struct{ text unique.Handle[string] }

// textOf is what a service is told, as text: equal if that is.
func textOf(head http.Header) string {
	var b strings.Builder
	head.Write(&b) //nolint:errcheck // sorted by name, to memory
	return b.String()
}

// ParseQuestion returns the question that has this text.
func ParseQuestion(text string) (q Question) {
	if text != "" {
		q.text = unique.Make(text)
	}
	return q
}

// Text returns q as text, "" for none.
func (q Question) Text() string {
	if q == (Question{}) {
		return ""
	}
	return q.text.Value()
}

// head is what the service is told.
func (q Question) head() http.Header {
	h := make(http.Header)
	for line := range strings.Lines(q.Text()) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\r\n"), ": ")
		h[name] = append(h[name], value)
	}
	return h
}

// ask asks s again.
func (q Question) ask(s *service) (reply, error) {
	got, err, _ := s.asking.Do(q.Text(), func() (any, error) { return s.ask(q.head()) })
	r, _ := got.(reply)
	return r, err
}
