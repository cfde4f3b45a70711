package relay

// maxWarm is how many lines of a loop have the ciphers of their records ready.
// They are larger than all else of a line that is idle, and soon made again.
const maxWarm = 1024

// warmth are the lines that have ciphers: those used last, more or less, by the
// second chance of a clock's hand.
type warmth struct {
	lines []*guard // nil where one has gone
	hand  int
}

// warm says that l's ciphers are used now.
func (lp *loop) warm(l *line) {
	if l.records() != nil {
		lp.warmth.use(l.tls)
	}
}

func (w *warmth) use(g *guard) {
	g.used = true
	if g.place > 0 {
		return
	}
	if len(w.lines) < maxWarm {
		w.lines = append(w.lines, g)
		g.place = len(w.lines)
		return
	}
	for {
		at := w.hand
		w.hand = (w.hand + 1) % maxWarm
		old := w.lines[at]
		if old != nil && old.used {
			old.used = false
			continue
		}
		if old != nil {
			old.own.Cool()
			old.place = 0
		}
		w.lines[at], g.place = g, at+1
		return
	}
}

// forget says that the loop has no part in l's ciphers any more.
func (w *warmth) forget(l *line) {
	if g := l.tls; g != nil && g.place > 0 {
		w.lines[g.place-1], g.place = nil, 0
	}
}
