package config

import (
	"strings"
	"testing"
)

func TestRedirectOfSockets(t *testing.T) {
	for route, warned := range map[string]bool{
		"{path: /socket.io, redirect: https://b}":                 true,
		"{path: /chat/ws, redirect: https://b}":                   true,
		"{path: /x, upgrade: websocket, redirect: https://b}":     true,
		"{path: /x, redirect: https://b}":                         false,
		"{path: /ws-help, redirect: https://b}":                   false,
		"{path: /ws, upgrade: websocket, respond: {status: 410}}": false,
	} {
		c := mustParse(t, "upstreams: {main: http://a}\nroutes: ["+route+"]\n")
		if got := len(c.Warnings) == 1 && strings.Contains(c.Warnings[0].Error(), "browsers follow no redirect"); got != warned {
			t.Errorf("%s: got %v, want a warning %t", route, c.Warnings, warned)
		}
	}
}
