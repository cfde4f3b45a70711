package plain

import (
	"net/http"
	"time"

	"usher/proxy/accesslog"
)

// Record is what is noted of a request, and where at its end. The zero value is
// noted nowhere.
type Record struct {
	accesslog.Outcome

	line     *accesslog.Line // nil for none
	counters *Counters       // nil for none
	method   int             // of methods
	began    time.Time       // for counters
	sought   bool            // an endpoint of the route's upstream was
}

// Log has w, which is an Exchange or an Upgrade, leave line at its end.
func Log(w http.ResponseWriter, line *accesslog.Line) {
	if t := of(w); t != nil {
		t.line = line
	}
}

// Count has w, which is an Exchange and began then, be counted by c.
func Count(w http.ResponseWriter, c *Counters, method string, began time.Time) {
	if t := of(w); t != nil && c != nil {
		t.counters, t.method, t.began = c, methodOf(method), began
		c.begin()
	}
}

// Sought notes that an endpoint was looked for to answer the request of w, and for
// how long it had to wait for one.
func Sought(w http.ResponseWriter, held time.Duration) {
	if t := of(w); t != nil {
		t.sought, t.Held = true, held
	}
}

// Detach returns the record of w, where nothing is noted any more: somebody else
// answers.
func Detach(w http.ResponseWriter) (r Record) {
	if t := of(w); t != nil {
		r, t.Record = t.Record, Record{}
	}
	return r
}

// begins notes the head of an answer, the last one.
func (r *Record) begins(status int) {
	if r.Status != 0 || status < http.StatusOK && status != http.StatusSwitchingProtocols {
		return
	}
	if r.Status = status; r.line != nil || r.counters != nil {
		r.Head = time.Now()
	}
}

// Note notes the outcome. It is called once.
func (r *Record) Note() {
	if r.line == nil && r.counters == nil {
		return
	}
	now := time.Now()
	r.line.End(now, r.Outcome)
	if r.counters != nil {
		r.counters.end(now, r)
	}
}
