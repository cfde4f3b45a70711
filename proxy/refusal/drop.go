package refusal

import (
	"net/http"
	"time"
)

// What is read of a body that nobody wants: the answer reaches a client that
// sends all of it before it reads, and is lost if its connection is reset.
const (
	mostDropped = 64 << 20
	dropTimeout = 10 * time.Second
	dropPause   = time.Second // in which nothing comes
	dropBuffer  = 16 << 10
)

// Drop has the connection end behind the answer to a request with a body, which
// is read and forgotten.
func Drop(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	closeBehind(w.Header(), r)
	if r.Header["Expect"] != nil || r.ContentLength > mostDropped { // it waits for the answer, or is to stop
		return
	}
	control, end := http.NewResponseController(w), time.Now().Add(dropTimeout)
	buf := make([]byte, dropBuffer)
	for left := mostDropped; left > 0 && time.Now().Before(end); {
		if control.SetReadDeadline(time.Now().Add(dropPause)) != nil {
			return
		}
		n, err := r.Body.Read(buf)
		if err != nil {
			return
		}
		left -= n
	}
}
