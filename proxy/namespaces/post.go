package namespaces

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/refusal"
	"usher/proxy/relay"
)

// How a client's POST ends its session.
var (
	errTwoPosts = errors.New("client posted twice at a time")
	errOctets   = errors.New("client posted octets, which Engine.IO 4 does not have")
	errBody     = errors.New("client broke off a POST")
)

// post takes a payload in. It is answered when all of it was passed on: clients
// have one POST at a time, so that a slow upstream slows them down.
func (q *request) post(v *visitor) {
	switch first, here, err := v.beginPost(q.http.Context()); {
	case err != nil:
		q.refuse(err)
		return
	case !here:
		q.passOn(v)
		return
	case !first:
		v.fan.Break(errTwoPosts)
		q.empty(http.StatusBadRequest)
		return
	}
	defer v.endPost()
	kind, _, _ := mime.ParseMediaType(q.http.Header.Get("Content-Type"))
	octets := kind == "application/octet-stream"
	if octets && q.Version == engineio.V4 {
		v.fan.Break(errOctets)
		q.empty(http.StatusBadRequest)
		return
	}
	body, status := q.read(v.split)
	switch status {
	case 0:
		q.pass(v, body, octets)
		return
	case http.StatusRequestEntityTooLarge:
		v.fan.TooBig()
		e := badBody(status, fmt.Sprintf("body is beyond max_payload, %d bytes", v.split.MaxPayload))
		e.Hint = "max_payload of the route's socketio"
		q.refuse(e)
	default:
		v.fan.Break(errBody)
		e := badBody(status, errBody.Error())
		e.Logged = true // with the session's end
		q.refuse(e)
	}
}

func badBody(status int, rule string) *refusal.Error {
	return &refusal.Error{Status: status, Reason: refusal.Body, Rule: rule, EngineIO: &refusal.EngineIO{Empty: true, Server: true}}
}

// pass hands a payload over and waits for its end.
func (q *request) pass(v *visitor, body []byte, octets bool) {
	if q.JSONP {
		var err error
		if body, err = engineio.DecodeJSONP(body); err != nil {
			v.fan.Break(err)
			q.write(http.StatusOK, "text/html", []byte("ok"))
			return
		}
	}
	answer := make(chan relay.Status, 1)
	v.fan.Post(body, octets, func(s relay.Status) { answer <- s })
	select {
	case s := <-answer:
		if s != relay.Done {
			q.status(s)
			return
		}
		q.write(http.StatusOK, "text/html", []byte("ok"))
	case <-q.http.Context().Done():
		v.fan.Break(errBody)
	}
}

// firstRead is how much room a body gets before it has come. What a client
// says of its length proves nothing.
const firstRead = 16 << 10

// read returns the body, or the status of its refusal.
func (q *request) read(began *split) (body []byte, refused int) {
	most := began.MaxPayload
	if q.http.ContentLength > most {
		return nil, http.StatusRequestEntityTooLarge
	}
	control := http.NewResponseController(q.w)
	// A client that is slower than this would be found silent.
	if err := control.SetReadDeadline(time.Now().Add(began.PingInterval + began.PingTimeout)); err != nil {
		return nil, http.StatusInternalServerError
	}
	room := int64(firstRead)
	if q.http.ContentLength >= 0 {
		room = min(room, q.http.ContentLength+1)
	}
	body = make([]byte, 0, room)
	for {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		n, err := q.http.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch ne, isNet := errors.AsType[net.Error](err); {
		case int64(len(body)) > most:
			return nil, http.StatusRequestEntityTooLarge
		case errors.Is(err, io.EOF):
			if err := control.SetReadDeadline(time.Time{}); err != nil {
				return nil, http.StatusInternalServerError
			}
			return body, 0
		case isNet && ne.Timeout():
			return nil, http.StatusRequestTimeout
		case err != nil:
			if e, ok := errors.AsType[*refusal.Error](err); ok { // of the route's limits
				return nil, e.Status
			}
			return nil, http.StatusBadRequest
		}
	}
}
