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
type terms struct{ by Terms }

// Route has what a route says count from now on, whose files are in set. w is an
// Exchange or an Upgrade; others are not bound by it.
func Route(w http.ResponseWriter, on *config.Route, set pages.Set) {
	if one, ok := w.(interface {
		route(on *config.Route, set pages.Set)
	}); ok {
		one.route(on, set)
	}
}

func (t *terms) route(on *config.Route, set pages.Set) {
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
