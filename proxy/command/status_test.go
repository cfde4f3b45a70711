package command

import (
	"bytes"
	"testing"
	"time"

	"usher/proxy/admin"
)

// TestWriteEnded has columns for what some sessions have alone.
func TestWriteEnded(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	plain := admin.Ended{ID: "p1", Route: "/", Endpoint: "127.0.0.1:1", Client: "10.0.0.1", Ended: at, Cause: "client.closed", Code: 1000}
	split := admin.Ended{
		ID: "s1", Route: "/socket.io", Client: "10.0.0.2", Ended: at, Cause: "upstream.lost", Code: 1011, Detail: "admin: connection\nlost",
		Namespaces: []string{"/", "/admin"}, Legs: []admin.Leg{{Upstream: "main", Endpoint: "127.0.0.1:1"}, {Upstream: "admin", Endpoint: "127.0.0.1:2"}},
	}
	young := admin.Ended{ID: "y1", Route: "/socket.io", Client: "10.0.0.2", Ended: at, Cause: "client.lost", Detail: "EOF"}
	for _, tt := range []struct {
		sessions []admin.Ended
		want     string
	}{
		{[]admin.Ended{plain}, "" +
			"ENDED     CAUSE          CODE  LASTED  MESSAGES IN  OUT  ROUTE  ENDPOINT     CLIENT    ID\n" +
			"1.0s ago  client.closed  1000  0.0s    0            0    /      127.0.0.1:1  10.0.0.1  p1\n"},
		{[]admin.Ended{young}, "" +
			"ENDED     CAUSE        CODE  LASTED  MESSAGES IN  OUT  ROUTE       ENDPOINT      CLIENT    ID  ERROR\n" +
			"1.0s ago  client.lost  0     0.0s    0            0    /socket.io  by namespace  10.0.0.2  y1  EOF\n"},
		{[]admin.Ended{split, plain}, "" +
			"ENDED     CAUSE          CODE  LASTED  MESSAGES IN  OUT  ROUTE       ENDPOINT                            CLIENT    ID  NAMESPACES  ERROR\n" +
			"1.0s ago  upstream.lost  1011  0.0s    0            0    /socket.io  main=127.0.0.1:1 admin=127.0.0.1:2  10.0.0.2  s1  / /admin    admin: connection lost\n" +
			"1.0s ago  client.closed  1000  0.0s    0            0    /           127.0.0.1:1                         10.0.0.1  p1\n"},
	} {
		var b bytes.Buffer
		writeEnded(&b, admin.EndedPage{Sessions: tt.sessions}, at.Add(time.Second))
		if b.String() != tt.want {
			t.Errorf("got\n%swant\n%s", &b, tt.want)
		}
	}
}
