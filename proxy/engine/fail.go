package engine

import (
	"net/http"
	"strconv"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/handshake"
)

// fail answers as the reference server does: JSON to a plain request, and a
// word to an upgrade, whose connection is of no use any more.
func (q *request) fail(code engineio.Code) {
	q.errors[code].Add(1)
	q.visit.Note(q.http, code.Status(), &handshake.Error{Reason: handshake.Protocol, Rule: code.Message()})
	if q.visit.Upgrade {
		q.refuseUpgrade(http.StatusBadRequest, code.Message())
		return
	}
	q.json(code.Status(), code, "")
}

func (q *request) json(status int, code engineio.Code, message string) {
	q.leave()
	q.write(status, "application/json", engineio.AppendError(nil, code, message))
}

func (q *request) refuseUpgrade(status int, text string) {
	q.close()
	q.write(status, "text/html", []byte(text))
}

// What is read of a body that nobody wants: the answer reaches a client that
// sends all of it before it reads, and is lost if its connection is reset.
const (
	mostDropped = 64 << 20
	dropTimeout = 10 * time.Second
	dropPause   = time.Second // in which nothing comes
)

// leave ends the connection behind the answer to a request with a body, which
// is dropped.
func (q *request) leave() {
	if q.http.ContentLength == 0 {
		return
	}
	q.close()
	if q.http.Header["Expect"] != nil || q.http.ContentLength > mostDropped { // it waits for the answer, or is to stop
		return
	}
	control, end := http.NewResponseController(q.w), time.Now().Add(dropTimeout)
	buf := make([]byte, firstRead)
	for left := mostDropped; left > 0 && time.Now().Before(end); {
		if control.SetReadDeadline(time.Now().Add(dropPause)) != nil {
			return
		}
		n, err := q.http.Body.Read(buf)
		if err != nil {
			return
		}
		left -= n
	}
}

// close ends an HTTP/1.1 connection behind the answer: what stands behind the
// request may not be another one.
func (q *request) close() {
	if q.http.ProtoMajor == 1 {
		q.w.Header()["Connection"] = []string{"close"}
	}
}

func (q *request) write(status int, kind string, body []byte) {
	h := q.w.Header()
	h["Content-Type"] = []string{kind}
	h["X-Content-Type-Options"] = []string{"nosniff"} // a browser must not make a page of it
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	q.w.WriteHeader(status)
	if q.http.Method != http.MethodHead {
		q.w.Write(body) //nolint:errcheck // a client that does not listen is found by its next request
	}
}

// refuseOrigin answers a page that may not speak with the route. It is not
// allowed to read the answer.
func (q *request) refuseOrigin(err error) {
	if q.visit.Upgrade {
		q.visit.Refuse(q.w, q.http, err)
		return
	}
	q.errors[engineio.Forbidden].Add(1)
	q.visit.Note(q.http, engineio.Forbidden.Status(), err)
	q.json(engineio.Forbidden.Status(), engineio.Forbidden, "")
}
