package affinity

import (
	"net/url"
	"strings"
)

// revision is Engine.IO's: 3 or 4; 0 if a query is not Engine.IO's at all.
type revision uint8

// query is what the query of a request says about its session.
type query struct {
	revision revision
	polling  bool
	sid      string // unescaped
	from, to int    // where the value of sid stands
}

// scan reads a raw query. Of a parameter that is there twice the first counts.
// Everything but EIO=4 is the older revision, as for the reference server.
func scan(raw string) query {
	var q query
	polling, has := false, false
	for at := 0; at < len(raw); {
		end := len(raw)
		if n := strings.IndexByte(raw[at:], '&'); n >= 0 {
			end = at + n
		}
		name, value, _ := strings.Cut(raw[at:end], "=")
		switch {
		case name == "EIO" && q.revision == 0:
			q.revision = 3
			if value == "4" {
				q.revision = 4
			}
		case name == "transport" && !has:
			polling, has = value == "polling", true
		case name == "sid" && q.sid == "":
			if sid, err := url.QueryUnescape(value); err == nil {
				q.sid, q.from, q.to = sid, end-len(value), end
			}
		}
		at = end + 1
	}
	q.polling = polling
	return q
}
