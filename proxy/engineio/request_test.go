package engineio

import (
	"strings"
	"testing"
)

func TestParseRequest(t *testing.T) {
	for _, tt := range []struct {
		query string
		want  Request
	}{
		{"EIO=4&transport=polling&t=abc", Request{Version: V4, Transport: Polling}},
		{"EIO=3&transport=polling&b64=1", Request{Version: V3, Transport: Polling, B64: true}},
		{"EIO=4&transport=websocket&sid=x-Y_1", Request{Version: V4, Transport: WebSocket, SID: "x-Y_1"}},
		{"transport=polling", Request{Version: V3, Transport: Polling}},
		{"EIO=5&transport=polling", Request{Version: V3, Transport: Polling}},
		{"EIO=4&EIO=3&transport=polling", Request{Version: V3, Transport: Polling}},
		{"EIO=4&transport=polling&transport=x", Request{Version: V4}},
		{"EIO=4&transport=webtransport", Request{Version: V4}},
		{"EIO=4&transport=Polling", Request{Version: V4}},
		{"", Request{Version: V3}},
		{"EIO=4&transport=polling&sid=", Request{Version: V4, Transport: Polling}},
		{"EIO=4&transport=polling&sid=a&sid=b", Request{Version: V4, Transport: Polling, SID: "b"}},
		{"EIO=4&transport=polling&b64=", Request{Version: V4, Transport: Polling}},
		{"EIO=3&transport=polling&j=12", Request{Version: V3, Transport: Polling, JSONP: true, Index: "12"}},
		{"EIO=3&transport=polling&j", Request{Version: V3, Transport: Polling, JSONP: true}},
		{"%45IO=%34&tran%73port=poll%69ng", Request{Version: V4, Transport: Polling}},
		{"EIO=4&transport=polling&sid=%", Request{Version: V4, Transport: Polling, SID: "%"}},
	} {
		if got := ParseRequest(tt.query); got != tt.want {
			t.Errorf("%q: got %+v, want %+v", tt.query, got, tt.want)
		}
	}
}

func TestAppendLegQuery(t *testing.T) {
	for _, tt := range []struct {
		query string
		v     Version
		want  string
	}{
		{"EIO=4&transport=polling&t=1", V4, "EIO=4&transport=websocket"},
		{"token=a%2Bb&EIO=3&x&transport=polling&y=1&y=2&sid=s&b64=1&j=0", V3, "token=a%2Bb&x&y=1&y=2&EIO=3&transport=websocket"},
		{"EI%4F=9&a=+", V4, "a=+&EIO=4&transport=websocket"},
		{"", V4, "EIO=4&transport=websocket"},
		{"&&=1&", V4, "EIO=4&transport=websocket"},
	} {
		if got := string(AppendLegQuery(nil, tt.v, tt.query)); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.query, got, tt.want)
		}
	}
}

// FuzzLegQuery checks that a client cannot choose what a leg is.
func FuzzLegQuery(f *testing.F) {
	f.Add("EIO=3&transport=polling&sid=x&%73id=y")
	f.Fuzz(func(t *testing.T, query string) {
		if strings.ContainsAny(query, "#\r\n") {
			return
		}
		got := ParseRequest(string(AppendLegQuery(nil, V4, query)))
		if want := (Request{Version: V4, Transport: WebSocket}); got != want {
			t.Errorf("%q: got %+v, want %+v", query, got, want)
		}
	})
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		code    Code
		message string
		status  int
		want    string
	}{
		{TransportUnknown, "", 400, `{"code":0,"message":"Transport unknown"}`},
		{SIDUnknown, "", 400, `{"code":1,"message":"Session ID unknown"}`},
		{BadMethod, "", 400, `{"code":2,"message":"Bad handshake method"}`},
		{BadRequest, "", 400, `{"code":3,"message":"Bad request"}`},
		{Forbidden, "", 403, `{"code":4,"message":"Forbidden"}`},
		{Forbidden, "say \"who\"", 403, `{"code":4,"message":"say \"who\""}`},
		{UnsupportedVersion, "", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{99, "", 400, `{"code":99,"message":""}`},
	} {
		if got := string(AppendError(nil, tt.code, tt.message)); got != tt.want || tt.code.Status() != tt.status {
			t.Errorf("got %d %s, want %d %s", tt.code.Status(), got, tt.status, tt.want)
		}
	}
}

// What one server ignores another may serve.
func TestSpeaks(t *testing.T) {
	for query, want := range map[string]bool{
		"EIO=4&transport=polling":           true,
		"EIO=4":                             true,
		"EIO=4&sid=x":                       true,
		"%45IO=3":                           true,
		"transport=polling":                 true,
		"transport=polling&transport=x":     true,
		"transport=x&transp%6frt=websocket": true,
		"a=b&EIO":                           true,
		"":                                  false,
		"transport=bus":                     false,
		"eio=4":                             false,
		"x=EIO%3D4":                         false,
		"sid=x&j=0":                         false,
	} {
		if got := Speaks(query); got != want {
			t.Errorf("%q: got %t, want %t", query, got, want)
		}
	}
}
