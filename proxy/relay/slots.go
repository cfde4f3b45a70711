package relay

// events is what a poller has to say of a line, besides that it may be written
// to again.
type events uint8

const (
	canRead events = 1 << iota
	willEnd        // the input's end is behind what can be read
)

// slots numbers the lines for the poller. A number is used again, with another
// generation, so that an event that was on its way to a former line is known.
type slots struct {
	entries []slot
	unused  []uint32
}

type slot struct {
	line       *line
	generation uint32
}

func (s *slots) take(l *line) (number, generation uint32) {
	if n := len(s.unused); n > 0 {
		number = s.unused[n-1]
		s.unused = s.unused[:n-1]
	} else {
		number = uint32(len(s.entries))
		s.entries = append(s.entries, slot{})
	}
	e := &s.entries[number]
	e.line = l
	e.generation++
	return number, e.generation
}

func (s *slots) get(number, generation uint32) *line {
	if int(number) >= len(s.entries) || s.entries[number].generation != generation {
		return nil
	}
	return s.entries[number].line
}

// pass has l stand where another line stood.
func (s *slots) pass(number uint32, l *line) { s.entries[number].line = l }

func (s *slots) free(number uint32) {
	s.entries[number].line = nil
	s.entries[number].generation++
	s.unused = append(s.unused, number)
}
