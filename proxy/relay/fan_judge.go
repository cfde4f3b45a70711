package relay

import (
	"time"

	"usher/proxy/demux"
)

// judge has somebody say whether the client may join a namespace. What comes of it
// is posted.
func (f *fan) judge(ticket uint32, p demux.Plea) {
	lp := f.loop
	f.entry.Judge(p, func(v demux.Verdict, ends int64) {
		lp.post(func(lp *loop) { f.judged(lp, ticket, v, ends) })
	})
}

func (f *fan) judged(lp *loop, ticket uint32, v demux.Verdict, ends int64) {
	if f.closing() {
		return
	}
	if at, ok := f.session.Ends(ends); ok {
		v.Until = max(time.Duration(at.UnixNano()-lp.began), 1)
	}
	f.demux.Judged(lp.now, ticket, v)
	f.settle()
}
