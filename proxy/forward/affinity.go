package forward

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"

	"usher/proxy/upstream"
)

// anyAddress is the host in the URL of a request for which it is all the same
// which of an endpoint's addresses it comes to.
const anyAddress = "upstream"

// addressed returns u for one of the endpoint's addresses, or any if at is
// invalid. The transport keeps connections for each apart. What the upstream is
// told as its host does not come from here.
func addressed(u *url.URL, at netip.Addr) *url.URL {
	if !at.IsValid() {
		return u
	}
	to := *u
	to.Host = netip.AddrPortFrom(at, 80).String()
	return &to
}

// addressOf is the way back from addressed.
func addressOf(host string) netip.Addr {
	at, err := netip.ParseAddrPort(host)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}

// maxOpening is how much of an answer is looked through for the sid, which
// stands near its beginning.
const maxOpening = 4 << 10

// tell makes an answer of e's lead the client back to it.
func (b balancer) tell(res *http.Response, e *upstream.Endpoint, peer net.Addr) {
	if cookie := b.lead.Cookie(e, peer, b.sender.Proto == "https", len(b.match.Route.Origins) > 0); cookie != nil {
		res.Header.Add("Set-Cookie", cookie.String())
	}
	if res.StatusCode != http.StatusOK {
		return
	}
	b.lead.Answers(e, peer)
	if !b.lead.Opens() || res.Header.Get("Content-Encoding") != "" {
		return
	}
	begin, whole := b.tagged(res.Body, e, peer)
	if res.ContentLength >= 0 {
		res.ContentLength += int64(len(begin) - whole)
		res.Header.Set("Content-Length", strconv.FormatInt(res.ContentLength, 10))
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(begin), res.Body), res.Body}
}

// tagged reads the beginning of an answer until there is a sid in it. It
// returns it as the client is to have it, and how long it was. Who reads on
// finds the end, or where the answer breaks off.
func (b balancer) tagged(body io.Reader, e *upstream.Endpoint, peer net.Addr) (begin []byte, read int) {
	buf := make([]byte, 0, maxOpening)
	for len(buf) < cap(buf) {
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if told, found := b.lead.Tell(buf, e, peer); found {
			return told, len(buf)
		}
		if err != nil {
			break
		}
	}
	return buf, len(buf)
}
