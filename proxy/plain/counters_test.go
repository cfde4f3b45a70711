package plain

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"usher/proxy/config"
	"usher/proxy/session"
)

// serveCounted has a request be served like those of listeners.
func serveCounted(c *Counters, method string, serve func(w http.ResponseWriter)) {
	x, _ := Bound(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), Terms{Limits: &config.Limits{WriteTimeout: time.Minute}, Answers: new(config.AnswerHeaders)})
	Count(x, c, method, time.Now())
	defer x.End()
	serve(x)
}

func answering(route string, up string, status int) func(w http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		on := new(config.Route)
		if up != "" {
			on.Upstream = &config.Upstream{Name: up}
		}
		Route(w, route, on, nil)
		if up != "" {
			Sought(w, 0)
		}
		if status != 0 {
			w.WriteHeader(status)
			fmt.Fprint(w, "hello")
		}
	}
}

func TestCounters(t *testing.T) {
	var c Counters
	serveCounted(&c, "GET", func(w http.ResponseWriter) {
		answering("/a", "main", 200)(w)
		if c.Open() != 1 {
			t.Errorf("open: got %d, want 1", c.Open())
		}
	})
	serveCounted(&c, "GET", answering("/a", "main", 299))
	serveCounted(&c, "PURGE", answering("/a", "main", 304))
	serveCounted(&c, "MADEUP", answering("/a", "main", 599))
	serveCounted(&c, "POST", answering("/a", "main", 0)) // the client went
	serveCounted(&c, "POST", answering("/b", "", 404))
	serveCounted(&c, "POST", func(w http.ResponseWriter) { w.WriteHeader(400) })
	var got []string
	for _, s := range c.Totals() {
		got = append(got, fmt.Sprint(s.Route, " ", s.Upstream, " ", s.Answers, " ", s.Head.Count, " ", s.End.Count, " ", s.Sent))
	}
	want := "  [{POST 4xx 1}] 1 1 0\n/a main [{GET 2xx 2} {POST 4xx 1} {other 3xx 1} {other 5xx 1}] 4 5 15\n/b  [{POST 4xx 1}] 1 1 5"
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("got\n%s\nwant\n%s", g, want)
	}
	if c.Open() != 0 {
		t.Errorf("open: got %d, want none", c.Open())
	}
}

// A refused request has no upstream, though its route has.
func TestCountersOfRefusals(t *testing.T) {
	var c Counters
	serveCounted(&c, "GET", func(w http.ResponseWriter) {
		Route(w, "/a", &config.Route{Upstream: &config.Upstream{Name: "main"}}, nil)
		w.WriteHeader(http.StatusTooManyRequests)
	})
	if all := c.Totals(); len(all) != 1 || all[0].Upstream != "" || all[0].Route != "/a" {
		t.Errorf("got %+v, want one without an upstream", all)
	}
}

// Who answers in place of w counts too, once.
func TestDetach(t *testing.T) {
	var c Counters
	var r Record
	serveCounted(&c, "GET", func(w http.ResponseWriter) { r = Detach(w) })
	if c.Open() != 1 || len(c.Totals()) != 0 {
		t.Fatalf("got %d open and %v, want it under way", c.Open(), c.Totals())
	}
	r.Status, r.Head = 200, time.Now()
	r.Note()
	if all := c.Totals(); c.Open() != 0 || len(all) != 1 || all[0].End.Count != 1 {
		t.Errorf("got %d open and %v, want it counted", c.Open(), all)
	}
}

func TestCountersAreBoundedAndCostNothing(t *testing.T) {
	var c Counters
	for i := range session.MaxApart + 100 {
		serveCounted(&c, "GET", answering(fmt.Sprint(i), "", 200))
	}
	if n := len(c.Totals()); n != session.MaxApart+1 {
		t.Errorf("series: got %d, want %d and one for the rest", n, session.MaxApart)
	}
	r := Record{counters: &c, began: time.Now(), method: methodOf("GET")}
	r.Route, r.Status, r.Head = "7", 200, time.Now()
	if n := testing.AllocsPerRun(100, func() { c.begin(); r.Note() }); n != 0 {
		t.Errorf("allocations: got %v, want none", n)
	}
}

func BenchmarkCounters(b *testing.B) {
	var c Counters
	r := Record{counters: &c, began: time.Now()}
	r.Route, r.Status, r.Head, r.Sent = "/", 200, time.Now(), 1024
	for b.Loop() {
		c.begin()
		r.Note()
	}
}
