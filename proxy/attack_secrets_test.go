package proxy_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// Row 47 of the attacks: secrets of a request, and of what its socket carries,
// are in no log line, whether it is served or refused.
func TestAttack47Log(t *testing.T) {
	const secret = "Zq7Zq7Zq7Zq7"
	main := newTestService(t, "main")
	up := newTestBackend(t, echo)
	b := newTestBroker(t, "upstreams: {main: '"+main.URL+"', plain: '"+up.URL+"', gone: 'http://127.0.0.1:1'}\nroutes:\n"+
		"  - {path: /socket.io, namespaces: {/: main}}\n  - {path: /, upstream: plain}\n  - {path: /gone, upstream: gone}\n")
	head := http.Header{
		"Authorization": {"Bearer " + secret}, "Cookie": {"session=" + secret}, "X-Api-Key": {secret}, "Referer": {"http://a/?token=" + secret},
		"Sec-Websocket-Protocol": {"token." + secret}, "User-Agent": {secret},
	}
	for _, path := range []string{"/ws", "/socket.io/?EIO=4&transport=websocket", "/gone", "/a%00", "/gone/token=" + secret, "/gone%3Ftoken%3D" + secret + "%26a", "/gone/a%253Fsid%253D" + secret, "/a/wss:%5C" + "wss://ann:" + secret + "@h", "/socket.io/?EIO=4&transport=polling&sid=" + secret} {
		join := "?"
		if strings.Contains(path, "?") {
			join = "&"
		}
		url := "://" + b.address + path + join + "access_token=" + secret + "&Authorization=Bearer%20" + secret
		if c, _, err := websocket.DefaultDialer.Dial("ws"+url, head); err == nil {
			for _, text := range []string{`40{"token":"` + secret + `"}`, `42["login",{"password":"` + secret + `"}]`, `9"` + secret} {
				c.WriteMessage(websocket.TextMessage, []byte(text))
			}
			c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, secret))
			io.Copy(io.Discard, c.UnderlyingConn())
			c.Close()
		}
		r := mustRequest(t, "POST", "http"+url, strings.NewReader(`{"password":"`+secret+`"}`))
		r.Header = head.Clone()
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	b.wantStop(t, patience)
	if len(b.log.lines(t, "request refused")) == 0 || len(b.log.lines(t, "session ended")) == 0 {
		t.Error("log: got no line of the one or the other kind")
	}
	for line := range strings.Lines(b.log.String()) {
		if strings.Contains(line, secret) {
			t.Errorf("log: %s", line)
		}
	}
}
