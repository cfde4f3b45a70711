package refusal

import (
	"maps"
	"net/http"
	"strconv"
	"strings"

	"usher/proxy/engineio"
)

// allow is the methods that are served, as the header of that name has them.
const allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// TellOptions answers who asks what usher itself can do (RFC 9110, 9.3.7).
func TellOptions(w http.ResponseWriter) {
	w.Header()["Allow"] = []string{allow}
	w.Header()["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusOK)
}

// Redirect leads the client of r to another place. 307 and 308 have it repeat the
// method and the body as well.
func Redirect(w http.ResponseWriter, r *http.Request, status int, to, why string) {
	w.Header()["Location"] = []string{to}
	kind, body := plain(http.StatusText(status), status, why)
	write(w, r, status, kind, body)
}

// answer writes e, which is all that the client of r hears.
func (e *Error) answer(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	switch {
	case e.EngineIO == nil || !e.EngineIO.Server:
		clear(h)
		h.Set("Cache-Control", "no-store")
		// What stands behind a refused request may not be one.
		if hasMore(r) || e.Status == http.StatusBadRequest {
			closeBehind(h, r)
		}
		e.ask(h, r.ProtoMajor)
		if e.Status == http.StatusRequestEntityTooLarge {
			Drop(w, r)
		}
	case e.Status == http.StatusRequestTimeout: // what did not come is not waited for again
		closeBehind(h, r)
	case !upgrades(r):
		Drop(w, r)
	default:
		closeBehind(h, r)
	}
	if e.RetryAfter != "" {
		h.Set("Retry-After", e.RetryAfter)
	}
	if e.Challenge != "" {
		h.Set("Www-Authenticate", e.Challenge)
	}
	if e.Reply != nil {
		e.Reply.write(w, r)
		return
	}
	kind, body := e.body(w, r)
	write(w, r, e.Status, kind, body)
}

// ask sets what a client is asked to do by the status, in HTTP of that version.
func (e *Error) ask(h http.Header, major int) {
	switch e.Status {
	case http.StatusMethodNotAllowed:
		h.Set("Allow", allow)
	case http.StatusUpgradeRequired:
		h.Set("Sec-WebSocket-Version", "13")
		if major == 1 { // RFC 9110, 15.5.22; net/http keeps what has close in its first line
			h["Upgrade"], h["Connection"] = []string{"websocket"}, []string{"close", "Upgrade"}
		}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", "1")
	}
}

// upgrades tells whether r asks for another protocol. Where it is served as a
// plain request, it does not say so any more.
func upgrades(r *http.Request) bool {
	return r.Header["Upgrade"] != nil || r.Method == http.MethodConnect
}

// hasMore tells whether something follows the head of r that is no request: its
// body, or the other protocol, which the client may have begun to speak.
func hasMore(r *http.Request) bool { return r.ContentLength != 0 || r.Header["Upgrade"] != nil }

// closeBehind ends a connection of HTTP/1 behind the answer.
func closeBehind(h http.Header, r *http.Request) {
	if r.ProtoMajor == 1 {
		h["Connection"] = []string{"close"}
	}
}

// body returns the answer's. A client of Engine.IO finds the code of an error
// where it looks for it.
func (e *Error) body(w http.ResponseWriter, r *http.Request) (kind, body string) {
	switch said := e.EngineIO; {
	case said == nil:
		if kind, body, ok := pageOf(w, r, e.Status); ok {
			return kind, body
		}
		return plain(strings.ToLower(http.StatusText(e.Status)), e.Status, e.Rule)
	case said.Empty:
		return "", ""
	case !upgrades(r):
		return "application/json", string(engineio.AppendError(nil, said.Code, said.Message))
	default:
		return "text/html", said.Message
	}
}

// plain returns a line for people.
func plain(name string, status int, rule string) (kind, body string) {
	return "text/plain; charset=utf-8", strconv.Itoa(status) + " " + name + ": " + rule + "\n"
}

func write(w http.ResponseWriter, r *http.Request, status int, kind, body string) {
	h := w.Header()
	describe(h, kind, len(body))
	if kind != "" {
		h["X-Content-Type-Options"] = []string{"nosniff"} // a browser must not make a page of it
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead && body != "" {
		w.Write([]byte(body)) //nolint:errcheck // a client that does not listen is not our concern
	}
}

// write passes a on. What it says of its own counts, but where the connection ends.
func (a *Reply) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	maps.Copy(h, a.Header)
	h["Content-Length"] = []string{strconv.Itoa(len(a.Body))}
	if a.Status == http.StatusNotModified || a.Status == http.StatusNoContent {
		delete(h, "Content-Length")
	}
	w.WriteHeader(a.Status)
	if r.Method != http.MethodHead && len(a.Body) > 0 {
		w.Write(a.Body) //nolint:errcheck // a client that does not listen is not our concern
	}
}

func describe(h http.Header, kind string, length int) {
	if kind != "" {
		h["Content-Type"] = []string{kind}
	}
	h["Content-Length"] = []string{strconv.Itoa(length)}
}
