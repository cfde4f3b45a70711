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

// Route has what the route of that name says count from now on, whose files are
// in set. w is an Exchange or an Upgrade; others are not bound by it.
func Route(w http.ResponseWriter, name string, on *config.Route, set pages.Set) {
	if one, ok := w.(interface {
		route(name string, on *config.Route, set pages.Set)
	}); ok {
		one.route(name, on, set)
	}
}

// Log has w, which is an Exchange or an Upgrade, leave line when Logged is called.
func Log(w http.ResponseWriter, line *accesslog.Line) {
	if one, ok := w.(interface{ log(line *accesslog.Line) }); ok {
		one.log(line)
	}
}

// Unlog takes the line that w was to leave: somebody else answers. It returns what
// is known of the outcome.
func Unlog(w http.ResponseWriter) (line *accesslog.Line, o accesslog.Outcome) {
	if one, ok := w.(interface {
		unlog() (*accesslog.Line, accesslog.Outcome)
	}); ok {
		return one.unlog()
	}
	return nil, o
}

func (t *terms) log(line *accesslog.Line) { t.line = line }

func (t *terms) unlog() (*accesslog.Line, accesslog.Outcome) {
	line := t.line
	t.line = nil
	return line, t.out
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
