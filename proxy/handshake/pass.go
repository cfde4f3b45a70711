package handshake

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"time"

	"usher/proxy/headers"
)

// pass gives the client an answer that is no 101, as the plain answer it is:
// what an upstream says about a login or a limit is for the client to read. The
// upstream's connection is used no further, and no byte that stands behind the
// client's request comes to it.
//
// head is what was read of the answer; conn has the rest.
func pass(w http.ResponseWriter, r *http.Request, conn net.Conn, head []byte, timeout time.Duration) error {
	res, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), conn)), r)
	if err != nil {
		return badAnswer(err)
	}
	defer res.Body.Close()
	setDeadline(conn, timeout) // the body has its own time
	headers.RemoveHopByHop(res.Header)
	out := w.Header()
	clear(out)
	for name, values := range res.Header {
		out[name] = values
	}
	out["Connection"] = []string{"close"}
	w.WriteHeader(res.StatusCode)
	if _, err := io.Copy(w, res.Body); err != nil {
		// The only way to say that the rest is missing.
		panic(http.ErrAbortHandler)
	}
	return nil
}
