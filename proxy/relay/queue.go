package relay

// queue holds lines in the order in which they came. Its zero value is empty.
type queue struct {
	lines []*line
	first int // of those that were not taken
}

func (q *queue) len() int { return len(q.lines) - q.first }

func (q *queue) put(l *line) { q.lines = append(q.lines, l) }

// take returns the line that waits longest, nil if none does.
func (q *queue) take() *line {
	if q.len() == 0 {
		return nil
	}
	l := q.lines[q.first]
	q.lines[q.first] = nil
	q.first++
	if q.first >= q.len() { // so each line is moved once at most on the average
		n := copy(q.lines, q.lines[q.first:])
		clear(q.lines[n:])
		q.lines, q.first = q.lines[:n], 0
	}
	return l
}
