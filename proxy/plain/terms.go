package plain

import (
	"net/http"

	"usher/proxy/config"
	"usher/proxy/pages"
)

// Terms are what a request and its answer are bound by. Limits and Answers are
// required.
type Terms struct {
	Limits  *config.Limits
	Answers *config.AnswerHeaders
	Errors  config.ErrorPages // in place of usher's own short texts
	Pages   pages.Set         // has the files of Errors
}

// terms are those of an Exchange or an Upgrade.
type terms struct {
	by Terms
	Record

	cookies []string // values of Set-Cookie that the answer has besides
}

// of returns those of w, or of what it stands before; nil if there are none.
func of(w http.ResponseWriter) *terms {
	switch w := w.(type) {
	case *Exchange:
		return &w.terms
	case *Upgrade:
		return &w.terms
	case interface{ Unwrap() http.ResponseWriter }:
		return of(w.Unwrap())
	}
	return nil
}

// Route has what the route of that name says count from now on, whose files are
// in set. w is an Exchange or an Upgrade; others are not bound by it.
func Route(w http.ResponseWriter, name string, on *config.Route, set pages.Set) {
	if t := of(w); t != nil {
		t.route(name, on, set)
	}
}

// SetCookies has the answer of w have these values of Set-Cookie besides its own.
func SetCookies(w http.ResponseWriter, values []string) {
	if t := of(w); t != nil {
		t.cookies = values
	}
}

// change makes the changes to the head of an answer.
func (t *terms) change(h http.Header) {
	if len(t.cookies) > 0 {
		h["Set-Cookie"] = append(h["Set-Cookie"], t.cookies...)
		t.cookies = nil
	}
	t.by.Answers.Apply(h)
}

func (t *terms) route(name string, on *config.Route, set pages.Set) {
	t.Route = name
	if on.Upstream != nil && len(on.Namespaces) == 0 {
		t.Upstream = on.Upstream.Name
	}
	t.by = Terms{Limits: &on.Limits, Answers: &on.Answers, Errors: on.ErrorPages, Pages: set}
}

// ErrorPage is for package refusal: it returns what an answer of usher's own with
// that status holds, and its media type; "" if there is no page for it.
func (t *terms) ErrorPage(status int) (kind string, content []byte) {
	page := t.by.Pages[t.by.Errors[status].File]
	if page == nil {
		return "", nil
	}
	return page.Kind(), page.Content()
}
