//go:build unix

package proxy_test

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// A session that ends with its token costs at rest hardly more than one of a route
// without auth.
func TestDeadlineMemory(t *testing.T) {
	const most = 100 // bytes
	up := newTestApart(t)
	b := newTestBroker(t, jwtAuth+"\nupstreams: {main: '"+up+"'}\nroutes: [{path: /open, upstream: main, auth: none}, {upstream: main}]\n")
	token := newTestToken(t, "u1", time.Now().Add(time.Hour))
	cost := make(map[string][]int64)
	for round := range 4 {
		for _, path := range []string{"/open", "/"} {
			head := strings.NewReplacer("/ws", path, "Upgrade: websocket", "Authorization: Bearer "+token+"\r\nUpgrade: websocket").Replace(upgradeHead)
			if each := b.atRest(t, head); round > 0 { // what is made once is made in the first
				cost[path] = append(cost[path], each)
			}
		}
	}
	without, with := middle(cost["/open"]), middle(cost["/"])
	if more := with - without; more > most {
		t.Errorf("memory of a session with a deadline: got %d bytes more than %d, want at most %d", more, without, most)
	}
	t.Logf("%d bytes of a session, %d with a deadline", without, with)
}

// atRest opens sessions, returns what each takes of the heap, the client's end of it
// included, and closes them.
func (b *broker) atRest(t *testing.T, head string) int64 {
	t.Helper()
	const many = 500
	clients := make([]net.Conn, many)
	before := heapAllocated()
	batches(t, many, func(i int) {
		c, err := net.Dial("tcp", b.address)
		if err != nil {
			t.Errorf("dial: %v", err)
			return
		}
		clients[i] = c
		io.WriteString(c, head)
		status := make([]byte, len("HTTP/1.1 101"))
		if _, err := io.ReadFull(c, status); err != nil || string(status) != "HTTP/1.1 101" {
			t.Errorf("got %q, %v, want 101", status, err)
		}
	})
	b.wantSessions(t, many)
	each := int64(heapAllocated()-before) / many
	for _, c := range clients {
		if c != nil {
			c.Close()
		}
	}
	// What the log keeps is there before anybody looks again.
	ended := int(b.Stats().Sessions.Opened)
	wantSoon(t, "ends in the log", ended, func() int { return strings.Count(b.log.String(), "session ended") })
	return each
}

// middle is the median.
func middle(list []int64) int64 {
	slices.Sort(list)
	return list[len(list)/2]
}
