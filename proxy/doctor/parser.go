package doctor

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
)

// maxPolls bounds how many answers are looked at for one that was asked for: what
// the server tells everybody may come first.
const maxPolls = 3

// parser finds out by which parser a server that works reads what clients say.
// It asks for a namespace that nobody serves, so that no client of the
// application's appears: the usual parser leads to a refusal, and one that
// cannot read the question closes the session.
func (e *examination) parser(ctx context.Context, path string, f *Finding) {
	s, _ := e.open(ctx, path)
	if s == nil {
		return
	}
	name := "/usher-doctor-" + strings.ToLower(rand.Text()[:10])
	if a := e.post(ctx, s, "40"+name+","); a.status != http.StatusOK {
		f.ownParser(a)
		return
	}
	for range maxPolls {
		a := e.request(ctx, http.MethodGet, s.path, s.query("polling"), "")
		switch {
		case strings.Contains(a.body, name): // refused, or even joined
			e.post(ctx, s, packetClose)
			return
		case a.status == http.StatusBadRequest, s.closedBy(a):
			f.ownParser(a)
			return
		case a.status != http.StatusOK:
			return
		}
	}
	e.post(ctx, s, packetClose)
}

// closedBy tells whether a payload ends with the packet that ends the session.
func (s *engineSession) closedBy(a answer) bool {
	last := a.body
	if s.revision == 4 {
		last = last[strings.LastIndexByte(last, 0x1e)+1:]
		return a.status == http.StatusOK && last == packetClose
	}
	return a.status == http.StatusOK && strings.HasSuffix(last, "1:"+packetClose)
}

func (f *Finding) ownParser(a answer) {
	f.Diagnosis = OwnParser
	f.seen("what Socket.IO's own parser writes ends the session: it is answered %s", a.line())
}
