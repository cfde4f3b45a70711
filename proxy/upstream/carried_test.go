package upstream

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
)

// What a context says of a client and its request is the same in another process.
func TestContextState(t *testing.T) {
	tcp := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4000}
	unix := &net.UnixAddr{Name: "/run/x.sock", Net: "unix"}
	u, _ := url.Parse("/a%2Fb?x=1")
	r := &http.Request{URL: u, Header: http.Header{"Cookie": {"id=7"}}}
	ctx := WithRequest(WithClient(t.Context(), tcp, unix), r, netip.MustParseAddr("192.0.2.1"))
	text, err := json.Marshal(ContextStateOf(Lasting(ctx)))
	if err != nil {
		t.Fatal(err)
	}
	var st ContextState
	if err := json.Unmarshal(text, &st); err != nil {
		t.Fatal(err)
	}
	got, err := st.Context()
	if err != nil {
		t.Fatal(err)
	}
	c, a := got.Value(clientKey{}).(client), got.Value(askerKey{}).(asker)
	if c.source.String() != tcp.String() || c.source.Network() != "tcp" || c.destination.String() != unix.String() || c.destination.Network() != "unix" {
		t.Errorf("got client %v, want %v and %v", c, tcp, unix)
	}
	if a.client != netip.MustParseAddr("192.0.2.1") || a.request.URL.String() != "/a%2Fb?x=1" || a.request.Header.Get("Cookie") != "id=7" {
		t.Errorf("got %v for %v, want the request", a.request, a.client)
	}
	if ctx, err := (ContextState{}).Context(); err != nil || ctx.Value(clientKey{}) != nil || ctx.Value(askerKey{}) != nil {
		t.Errorf("got %v, %v of nothing, want nothing", ctx, err)
	}
	if _, err := (ContextState{Request: &RequestState{URL: ":"}}).Context(); err == nil {
		t.Error("got nil for a URL that is none, want an error")
	}
}
