package affinity

import "strings"

// maxSession bounds the ids of SockJS sessions that are led: clients make up 8
// bytes, or a UUID.
const maxSession = 64

// SockJS returns the id of the session that a request of SockJS belongs to, of
// its path: /PREFIX/SERVER/SESSION/TRANSPORT, where clients make up SERVER as a
// number below 1000. WebSocket is none of these transports, as its session is
// one request.
func SockJS(path string) (session string, ok bool) {
	rest, transport := cutSegment(strings.TrimSuffix(path, "/"))
	switch transport {
	case "xhr", "xhr_send", "xhr_streaming", "eventsource", "htmlfile", "jsonp", "jsonp_send":
	default:
		return "", false
	}
	rest, session = cutSegment(rest)
	_, server := cutSegment(rest)
	if session == "" || len(session) > maxSession || strings.Contains(session, ".") {
		return "", false
	}
	return session, server != "" && len(server) <= 4 && strings.Trim(server, "0123456789") == ""
}

// cutSegment takes the last segment off a path.
func cutSegment(path string) (before, last string) {
	at := strings.LastIndexByte(path, '/')
	if at < 0 {
		return "", ""
	}
	return path[:at], path[at+1:]
}

// Session returns the endpoint that has a SockJS session, "" if none is known.
func (g *Guide) Session(id string) string { return g.sessions.get(id) }

// HasSession notes that endpoint has a SockJS session. Whoever asks for it first
// begins it, wherever that is, so what is not known has to be led by the id: by
// every usher to the same endpoint.
func (g *Guide) HasSession(id, endpoint string) { g.sessions.put(id, endpoint) }
