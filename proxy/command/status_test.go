package command

import (
	"bytes"
	"strings"
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

// TestWriteSessions shows where the legs of a client go, and what it waits for.
func TestWriteSessions(t *testing.T) {
	var b bytes.Buffer
	writeSessions(&b, admin.SessionPage{Total: 12, Sessions: []admin.Session{
		{ID: "x1", Route: "/socket.io/", Client: "192.0.2.1", Age: 75, Idle: 2, Split: &admin.Split{
			Namespaces: []string{"/", "/chat"}, Waiting: []string{"/late"},
			Legs: []admin.Leg{{Upstream: "site", Endpoint: "a:1"}, {Upstream: "chat", Endpoint: "b:1"}},
		}},
		{ID: "x2", Route: "/socket.io/", Client: "192.0.2.1", Split: new(admin.Split)},
		{ID: "x3", Route: "/ws", Client: "192.0.2.2", Upstream: "main", Endpoint: "c:1", FromClient: admin.Traffic{Messages: 3, Bytes: 2048}},
	}})
	const want = "" +
		"AGE    QUIET  MESSAGES IN  OUT  BYTES IN  OUT  ROUTE        ENDPOINT           CLIENT     ID  NAMESPACES\n" +
		"1m15s  2.0s   0            0    0 B       0 B  /socket.io/  site=a:1 chat=b:1  192.0.2.1  x1  / /chat waits for /late\n" +
		"0.0s   0.0s   0            0    0 B       0 B  /socket.io/  -                  192.0.2.1  x2\n" +
		"0.0s   0.0s   3            0    2.0 KiB   0 B  /ws          main=c:1           192.0.2.2  x3\n" +
		"\n3 of 12 sessions\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
}

// TestStatusHeld says who waits, if anybody does.
func TestStatusHeld(t *testing.T) {
	var b bytes.Buffer
	writeStatus(&b, admin.Status{Upstreams: []admin.Upstream{{Upstream: "main", Held: 12}, {Upstream: "chat"}}}, time.Now())
	if got := b.String(); !strings.Contains(got, "held        12 wait for an endpoint of main\n") || strings.Contains(got, "chat wait") {
		t.Errorf("got\n%swant a line about main alone", got)
	}
}

// TestStatusEndpoints says of an error how old it is.
func TestStatusEndpoints(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var b bytes.Buffer
	writeTable(&b, "", statusEndpoints([]admin.Upstream{{Upstream: "main", Endpoints: []admin.Endpoint{
		{Endpoint: "http://a:1", State: "healthy", Since: at.Add(-time.Hour), Open: 2, Dials: 5, Unanswered: 1, LastError: "gave\nno answer", LastErrorAt: at.Add(-90 * time.Second)},
		{Endpoint: "http://b:1", State: "unchecked"},
	}}}, at))
	const want = "" +
		"UPSTREAM  ENDPOINT    STATE      FOR    OPEN  DIALS  FAILED  LAST ERROR\n" +
		"main      http://a:1  healthy    1h00m  2     5      1       1m30s ago: gave no answer\n" +
		"main      http://b:1  unchecked  -      0     0      0\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
}
