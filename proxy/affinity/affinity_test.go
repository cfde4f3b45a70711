package affinity

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

var endpoints = []string{"http://127.0.0.1:3001", "http://127.0.0.1:3002", "http://127.0.0.1:3003"}

const (
	open4  = `0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	open3  = `96:0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":5000}2:40`
	jsonp4 = `___eio[0]("0{\"sid\":\"lv_VI97HAXpY6yYWAAAC\",\"upgrades\":[]}");`
	sid    = "lv_VI97HAXpY6yYWAAAC"
)

// wantOpened begins a session on an endpoint and returns the sid that the
// client is told.
func wantOpened(t *testing.T, g *Guide, query, body, endpoint string) (told string) {
	t.Helper()
	p, err := g.Lead(query, endpoints)
	if err != nil || !p.Opens || p.Endpoint != "" || p.Query != query {
		t.Fatalf("lead %q: got %+v, %v, want any endpoint and an opening", query, p, err)
	}
	got, found := g.Tag(p, []byte(body), endpoint)
	from, to := findSID(got)
	if !found {
		t.Fatalf("tag %q: got no sid in it", body)
	}
	if rest := string(got[:from]) + sid + string(got[to:]); rest != body {
		t.Errorf("answer but for its sid: got %q, want %q", rest, body)
	}
	return string(got[from:to])
}

func TestTagLeadsBackToItsEndpoint(t *testing.T) {
	for _, c := range []struct{ name, query, body string }{
		{"text", "EIO=4&transport=polling&t=x", open4},
		{"JSONP", "EIO=4&transport=polling&j=0", jsonp4},
	} {
		for _, e := range endpoints {
			t.Run(c.name+e, func(t *testing.T) {
				g := NewGuide([]byte("secret"))
				told := wantOpened(t, g, c.query, c.body, e)
				if !strings.HasPrefix(told, sid+"~") {
					t.Fatalf("sid: got %q, want %q with a tag", told, sid)
				}
				other := NewGuide([]byte("secret")) // another usher with the same file
				for _, transport := range []string{"polling", "websocket"} {
					p, err := other.Lead("EIO=4&transport="+transport+"&sid="+told+"&t=1", endpoints)
					want := "EIO=4&transport=" + transport + "&sid=" + sid + "&t=1"
					if err != nil || p.Endpoint != e || p.Query != want || !p.Sure || p.Polling != (transport == "polling") {
						t.Errorf("%s: got %+v, %v, want %s and query %q", transport, p, err, e, want)
					}
				}
			})
		}
	}
}

func TestOldRevisionIsLearned(t *testing.T) {
	g := NewGuide([]byte("secret"))
	if told := wantOpened(t, g, "EIO=3&transport=polling", open3, endpoints[1]); told != sid {
		t.Fatalf("sid: got %q, want it as it was", told)
	}
	query := "EIO=3&transport=websocket&sid=" + sid
	p, err := g.Next([]byte("another")).Lead(query, endpoints)
	if err != nil || p.Endpoint != endpoints[1] || p.Query != query || !p.Sure {
		t.Fatalf("got %+v, %v, want %s", p, err, endpoints[1])
	}
	if _, err := g.Lead(query, endpoints[:1]); err != nil {
		t.Errorf("with one endpoint left: got %v, want it to answer", err)
	}
	for _, gone := range [][]string{{endpoints[0], endpoints[2]}, nil} {
		if _, err := g.Lead(query, gone); !errors.Is(err, ErrUnknown) {
			t.Errorf("endpoint that is gone: got %v, want %v", err, ErrUnknown)
		}
	}
	if _, err := g.Lead("EIO=3&transport=polling&sid=other", endpoints); !errors.Is(err, ErrUnknown) {
		t.Errorf("sid that nobody has given: got %v, want %v", err, ErrUnknown)
	}
}

// An endpoint that was alone has given sids without a tag.
func TestEndpointThatWasAlone(t *testing.T) {
	g := NewGuide([]byte("secret"))
	for _, revision := range []string{"3", "4"} {
		query := "EIO=" + revision + "&transport=polling&sid=" + sid
		p, err := g.Lead(query, endpoints[:1])
		if err != nil || p.Endpoint != endpoints[0] || p.Query != query || p.Sure {
			t.Errorf("alone: got %+v, %v, want it, as it is", p, err)
		}
		if _, err := g.Lead(query, endpoints); !errors.Is(err, ErrUnknown) {
			t.Errorf("one of many before it has given any: got %v, want %v", err, ErrUnknown)
		}
	}
	p, _ := g.Lead("EIO=4&transport=polling", endpoints[:1])
	g.Alone(p, endpoints[0])
	query := "EIO=4&transport=polling&sid=" + sid
	if p, err := g.Lead(query, endpoints); err != nil || p.Endpoint != endpoints[0] || p.Query != query || p.Sure {
		t.Errorf("others have come: got %+v, %v, want that which was alone", p, err)
	}
	if _, err := g.Lead(query, endpoints[1:]); !errors.Is(err, ErrUnknown) {
		t.Errorf("it is gone: got %v, want %v", err, ErrUnknown)
	}
	told := wantOpened(t, g, "EIO=4&transport=polling", open4, endpoints[1])
	query = "EIO=4&transport=polling&sid=" + told
	if p, err := g.Lead(query, endpoints[1:2]); err != nil || p.Query != strings.ReplaceAll(query, told, sid) {
		t.Errorf("tag when the others have gone: got %+v, %v, want it taken off", p, err)
	}
}

func TestCookie(t *testing.T) {
	g := NewGuide([]byte("secret"))
	value := g.Cookie(endpoints[1])
	for _, c := range []struct {
		name, value string
		endpoints   []string
		want        string
	}{
		{"its own", value, endpoints, endpoints[1]},
		{"endpoint that is gone", value, endpoints[:1], ""},
		{"empty", "", endpoints, ""},
		{"shortened", value[:len(value)-1], endpoints, ""},
		{"another secret", NewGuide([]byte("another")).Cookie(endpoints[1]), endpoints, ""},
		{"tag of a sid", g.key.tag("", endpoints[1]), endpoints, ""},
	} {
		if got := g.ReadCookie(c.value, c.endpoints); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRow24ForgedTags(t *testing.T) {
	g := NewGuide([]byte("secret"))
	told := wantOpened(t, g, "EIO=4&transport=polling", open4, endpoints[0])
	tag := strings.TrimPrefix(told, sid+"~")
	stranger := wantOpened(t, NewGuide([]byte("another")), "EIO=4&transport=polling", open4, endpoints[0])
	for _, c := range []struct{ name, sid string }{
		{"no tag", sid},
		{"empty tag", sid + "~"},
		{"empty sid", "~" + tag},
		{"shortened tag", told[:len(told)-1]},
		{"lengthened tag", told + "A"},
		{"tag of another sid", "x" + told},
		{"tag of another secret", stranger},
		{"endpoint in clear", sid + "~" + endpoints[0]},
		{"prototype", "__proto__"},
		{"zero byte", sid + "%00~" + tag},
		{"huge", strings.Repeat("~", 1<<16)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if p, err := g.Lead("EIO=4&transport=polling&sid="+c.sid, endpoints); !errors.Is(err, ErrUnknown) {
				t.Errorf("got %+v, %v, want %v", p, err, ErrUnknown)
			}
		})
	}
	if _, err := g.Lead("EIO=4&transport=polling&sid="+told, endpoints[1:]); !errors.Is(err, ErrUnknown) {
		t.Errorf("endpoint that is gone: got %v, want %v", err, ErrUnknown)
	}
}

func TestWhatIsNotEngineIOGoesAnywhere(t *testing.T) {
	g := NewGuide([]byte("secret"))
	for _, query := range []string{"", "sid=abc", "a=b&sid=x~y", "transport=polling&sid=1"} {
		p, err := g.Lead(query, endpoints)
		if err != nil || p.Endpoint != "" || p.Opens || p.Query != query {
			t.Errorf("%q: got %+v, %v, want it as it is, to any endpoint", query, p, err)
		}
	}
	p, err := g.Lead("EIO=4&transport=websocket", endpoints)
	if err != nil || p.Opens || p.Endpoint != "" {
		t.Errorf("WebSocket from the start: got %+v, %v, want any endpoint and no tag", p, err)
	}
}

func TestAnswersWithoutASIDPass(t *testing.T) {
	g := NewGuide([]byte("secret"))
	p, _ := g.Lead("EIO=4&transport=polling", endpoints)
	for _, body := range []string{"", `{"code":5,"message":"Unsupported protocol version"}`, `0{"sid":"`, `0{"sid":""}`, `0{"sid":"never ends`, `0{"sid":"a\/b"}`, `___eio[0]("0{\"sid\":\"x"`} {
		if got, found := g.Tag(p, []byte(body), endpoints[0]); string(got) != body || found {
			t.Errorf("got %q, %t, want %q as it was", got, found, body)
		}
	}
}

func TestLearnedIsBounded(t *testing.T) {
	l := newLearned(100)
	for i := range 10_000 {
		l.put(fmt.Sprint(i), endpoints[0])
		l.get("0") // in use, so it stays
	}
	if got := l.endpoints.Len(); got != 100 {
		t.Errorf("remembered: got %d, want 100", got)
	}
	if l.get("0") == "" || l.get("1") != "" {
		t.Error("what is used least recently should be the first to go")
	}
}
