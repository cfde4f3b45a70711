package accesslog

import (
	"net/http"
	"strings"
	"time"

	"usher/proxy/headers"
)

// What a client may say is cut, as lines wait in memory.
const (
	maxTarget = 2 << 10
	maxName   = 512
)

// Line is what is told of one request. Nothing of it is a part of the request's
// head, which it may outlast.
type Line struct {
	log *Log

	began    time.Time
	client   string
	id       string
	method   string
	host     string
	target   string
	cut      bool // target goes on
	proto    string
	referer  string
	agent    string
	upgrade  bool
	duration time.Duration
	Outcome
}

// Outcome is what became of a request.
type Outcome struct {
	Status         int // 0 for no answer
	Route          string
	Upstream       string        // "" for none
	Head           time.Time     // when the answer began; zero for none
	Held           time.Duration // for an endpoint
	Sent, Received int64         // bytes of the bodies
}

// Begin returns the line of r, which s has sent at that time; nil if it has none.
func (l *Log) Begin(r *http.Request, s headers.Sender, at time.Time) *Line {
	if !l.wants() {
		return nil
	}
	target, cut := bounded(r.RequestURI, maxTarget)
	referer, _ := bounded(r.Header.Get("Referer"), maxName)
	agent, _ := bounded(r.Header.Get("User-Agent"), maxName)
	host, _ := bounded(r.Host, maxName)
	return &Line{
		log: l, began: at, client: s.Address(), id: strings.Clone(s.ID), method: strings.Clone(r.Method), host: host,
		target: target, cut: cut, proto: strings.Clone(r.Proto), referer: referer, agent: agent, upgrade: r.Header["Upgrade"] != nil || r.Method == http.MethodConnect,
	}
}

func bounded(s string, most int) (short string, cut bool) {
	if len(s) > most {
		return strings.Clone(s[:most]), true
	}
	return strings.Clone(s), false
}

// End leaves the line to the log. It never blocks.
func (l *Line) End(now time.Time, o Outcome) {
	if l == nil {
		return
	}
	l.duration, l.Outcome = now.Sub(l.began), o
	l.log.take(l)
}
