package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestMetricsOfRequests checks what is counted of plain requests against some of
// known shape, those that are parked or answered by usher itself among them.
func TestMetricsOfRequests(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		w.Write(body)
	})
	main, back := newTestService(t, "main"), newTestService(t, "admin")
	text := strings.Replace(split(main, back, ""), "routes:\n", "routes:\n  - {path: /plain, upstream: plain, strip_prefix: /plain, max_body: 10B}\n"+
		"  - {path: /gone, respond: {status: 410, body: gone}}\n  - {path: /down, upstream: down}\n", 1)
	text = strings.Replace(text, "upstreams: {", fmt.Sprintf("upstreams: {plain: %q, down: {endpoints: \"http://%s\", hold: 0}, ", up.URL, closedAddress(t)), 1)
	b := newTestBroker(t, "admin: 127.0.0.1:0\n"+text)
	o := b.operator(t)
	for range 3 {
		b.ask(http.DefaultClient, "POST", "http://"+b.address+"/plain/x", "hello")
	}
	b.ask(http.DefaultClient, "PURGE", "http://"+b.address+"/plain/no", "")
	b.ask(http.DefaultClient, "PUT", "http://"+b.address+"/plain", "more than ten bytes")
	b.ask(http.DefaultClient, "GET", "http://"+b.address+"/gone", "")
	b.ask(http.DefaultClient, "DELETE", "http://"+b.address+"/down", "")
	b.ask(http.DefaultClient, "GET", "http://"+b.address+"/%2e%2f", "")
	socket := dialRaw(t, b.address) // is no plain request
	io.WriteString(socket, upgradeHead)
	readHead(t, socket)
	p := b.newPoller(t, polling4)
	p.open()
	waits := p.begin(t.Context(), "GET", "")
	wantSoon(t, "open", 1, func() float64 { return scrape(t, o)["usher_requests_open"] })
	p.want("POST", "1", 200, "ok")
	<-waits
	wantSoon(t, "open", 0, func() float64 { return scrape(t, o)["usher_requests_open"] })

	got := scrape(t, o)
	for name, want := range map[string]float64{
		`usher_requests_total{method="POST",route="/plain",status="2xx",upstream="plain"}`:   3,
		`usher_requests_total{method="other",route="/plain",status="5xx",upstream="plain"}`:  1,
		`usher_requests_total{method="PUT",route="/plain",status="4xx",upstream=""}`:         1,
		`usher_requests_total{method="GET",route="/gone",status="4xx",upstream=""}`:          1,
		`usher_requests_total{method="DELETE",route="/down",status="5xx",upstream="down"}`:   1,
		`usher_requests_total{method="GET",route="",status="4xx",upstream=""}`:               1,
		`usher_requests_total{method="GET",route="/socket.io",status="2xx",upstream=""}`:     2,
		`usher_requests_total{method="POST",route="/socket.io",status="2xx",upstream=""}`:    1,
		`usher_request_seconds_count{route="/plain",until="head"}`:                           5,
		`usher_request_seconds_count{route="/plain",until="end"}`:                            5,
		`usher_request_bytes_total{direction="from_client",route="/plain",upstream="plain"}`: 15,
		`usher_request_bytes_total{direction="to_client",route="/plain",upstream="plain"}`:   15,
		`usher_access_lines_dropped_total`:                                                   0,
	} {
		if have, ok := got[name]; !ok || have != want {
			t.Errorf("%s: got %v (there: %t), want %v", name, have, ok, want)
		}
	}
	for name := range got {
		if strings.HasPrefix(name, "usher_requests_total{") && strings.Contains(name, `route="/"`) {
			t.Errorf("got %s, want no handshake among plain requests", name)
		}
	}
}
