package namespaces

import (
	"net/http"
	"sync/atomic"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/refusal"
	"usher/proxy/relay"
)

// waiting is a GET that waits for its answer.
type waiting struct {
	answer chan relay.Answer // holds one
	parked atomic.Pointer[Parked]
}

// answered is called by the loop.
func (w *waiting) answered(a relay.Answer) {
	w.answer <- a
	if p := w.parked.Load(); p != nil {
		(*p).Wake()
	}
}

// poll waits for something to tell the client.
func (q *request) poll(v *visitor) {
	q.zips = q.route.Compress && acceptsGzip(q.http.Header)
	w := &waiting{answer: make(chan relay.Answer, 1)}
	p := &relay.Poll{Text: q.JSONP, Answer: w.answered}
	v.fan.Poll(p)
	now := &q.server.stats.waiting
	now.Add(1)
	long := time.NewTimer(parkAfter)
	defer long.Stop()
	for {
		select {
		case a := <-w.answer:
			now.Add(-1)
			q.answer(v, a)
			return
		case <-q.http.Context().Done():
			now.Add(-1)
			v.fan.Abort(p)
			return
		case <-long.C:
			if q.park(v, p, w) {
				return
			}
		}
	}
}

// answer tells the client. What it holds is lost if it does not arrive, and the
// session with it.
func (q *request) answer(v *visitor, a relay.Answer) {
	h := q.w.Header()
	h["Cache-Control"] = []string{"no-store"}
	switch a.Status {
	case relay.Done:
		if a.Again { // by a connection that comes to the other process
			h["Connection"] = []string{"close"}
		}
		kind, body := "text/plain; charset=UTF-8", a.Body
		switch {
		case q.JSONP:
			kind, body = "text/javascript; charset=UTF-8", engineio.AppendJSONP(nil, q.Index, a.Body)
		case a.Octets:
			kind = "application/octet-stream"
		}
		q.write(http.StatusOK, kind, q.zip(body))
		if err := http.NewResponseController(q.w).Flush(); err != nil {
			v.fan.Break(errGone)
		}
	default:
		q.status(a.Status)
	}
}

// status answers a polling request that brought nothing.
func (q *request) status(s relay.Status) {
	switch s {
	case relay.UnknownSID:
		q.fail(engineio.SIDUnknown)
	case relay.BadRequest:
		q.fail(engineio.BadRequest)
	case relay.OwnParser:
		q.refuse(&refusal.Error{
			Status: http.StatusBadRequest, Reason: refusal.Protocol, Rule: relay.ParserRule, Logged: true,
			EngineIO: &refusal.EngineIO{Code: engineio.BadRequest, Message: relay.ParserRule, Server: true},
		})
	default:
		q.empty(http.StatusBadRequest)
	}
}

func (q *request) empty(status int) {
	refusal.Drop(q.w, q.http)
	q.w.Header()["Content-Length"] = []string{"0"}
	q.w.WriteHeader(status)
}
