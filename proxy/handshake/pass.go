package handshake

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"time"

	"usher/proxy/headers"
)

// passTimeout is what a client has to take what its upstream has said by the end
// of its own time.
const passTimeout = time.Second

// pass gives the client an answer that is no 101, as the plain answer it is:
// what an upstream says about a login or a limit is for the client to read. The
// upstream's connection is used no further, and no byte that stands behind the
// client's request comes to it.
//
// head is what was read of the answer; conn has the rest.
func pass(w http.ResponseWriter, r *http.Request, conn net.Conn, head []byte, timeout time.Duration, back headers.Back) error {
	res, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), conn)), nil) // to a GET, whatever r is
	if err != nil {
		return badAnswer(err)
	}
	defer res.Body.Close()
	// The body has its own time, and a client that does not read it must not
	// hold the upstream's connection for much longer.
	setDeadline(conn, timeout)
	if timeout > 0 {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(timeout + passTimeout)) // not every writer can
	}
	upgrade := res.Header["Upgrade"]
	headers.RemoveHopByHop(res.Header)
	back.Apply(res.Header)
	out := w.Header()
	clear(out)
	maps.Copy(out, res.Header)
	if out["Content-Type"] == nil {
		out["Content-Type"] = nil // net/http would guess one
	}
	if r.ProtoMajor == 1 { // by HTTP/2 it would end all streams of the client
		out["Connection"] = []string{"close"}
		if res.StatusCode == http.StatusUpgradeRequired && upgrade != nil { // it must say to what (RFC 9110, 15.5.22)
			out["Upgrade"], out["Connection"] = upgrade, []string{"close", "Upgrade"}
		}
	}
	w.WriteHeader(res.StatusCode)
	if _, err := io.Copy(w, res.Body); err != nil {
		// What there is goes to the client, which net/http would keep back; and
		// this is the only way to say that the rest is missing.
		_ = http.NewResponseController(w).Flush() // a client that has gone is found by what follows
		panic(http.ErrAbortHandler)
	}
	return nil
}
