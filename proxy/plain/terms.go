package plain

import (
	"net/http"
	"time"

	"usher/proxy/accesslog"
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
	by   Terms
	line *accesslog.Line // nil for none
	out  accesslog.Outcome
}

// of returns those of w, nil if it is neither.
func of(w http.ResponseWriter) *terms {
	switch w := w.(type) {
	case *Exchange:
		return &w.terms
	case *Upgrade:
		return &w.terms
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

// Log has w, which is an Exchange or an Upgrade, leave line at its end.
func Log(w http.ResponseWriter, line *accesslog.Line) {
	if t := of(w); t != nil {
		t.line = line
	}
}

// Unlog takes the line that w was to leave: somebody else answers. It returns what
// is known of the outcome.
func Unlog(w http.ResponseWriter) (line *accesslog.Line, o accesslog.Outcome) {
	if t := of(w); t != nil {
		line, o, t.line = t.line, t.out, nil
	}
	return line, o
}

// Held notes for how long the request of w has waited for an endpoint.
func Held(w http.ResponseWriter, d time.Duration) {
	if t := of(w); t != nil {
		t.out.Held = d
	}
}

// begins notes the head of an answer, the last one.
func (t *terms) begins(status int) {
	if t.out.Status != 0 || status < http.StatusOK && status != http.StatusSwitchingProtocols {
		return
	}
	if t.out.Status = status; t.line != nil {
		t.out.Head = time.Now()
	}
}

// logged leaves the line.
func (t *terms) logged() {
	if t.line != nil {
		t.line.End(time.Now(), t.out)
	}
}

func (t *terms) route(name string, on *config.Route, set pages.Set) {
	t.out.Route = name
	if on.Upstream != nil && len(on.Namespaces) == 0 {
		t.out.Upstream = on.Upstream.Name
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
