package config

var drainKeys = []string{"over", "deadline", "code", "grace"}

const (
	goingAway      = 1001
	serviceRestart = 1012
	lastCode       = 4999 // RFC 6455, 7.4.2
)

func (l *loader) drain(v value, d Drain) Drain {
	o, ok := l.object(v, "in drain", drainKeys)
	if !ok {
		return d
	}
	l.duration(o.field("over"), orZero, &d.Over)
	l.duration(o.field("deadline"), positive, &d.Deadline)
	l.duration(o.field("grace"), orZero, &d.Grace)
	l.drainCode(o.field("code"), &d)
	l.drainTimes(o, &d)
	return d
}

// drainCode reads the code of a Close frame by which an endpoint may say that
// it goes away.
func (l *loader) drainCode(v value, d *Drain) {
	code := int64(d.Code)
	l.count(v, goingAway, lastCode, &code)
	if code != goingAway && code != serviceRestart {
		l.errorf(v.Position, "code must be 1001 (going away) or 1012 (service restart), not %d", code)
	}
	d.Code = uint16(code)
}

// drainTimes holds grace and over to deadline: sockets that are told at the
// last moment could not answer. A window that o only inherits is cut.
func (l *loader) drainTimes(o object, d *Drain) {
	left := d.Deadline - d.Grace
	grace, over := o.field("grace"), o.field("over")
	switch {
	case left <= 0 && grace.given():
		l.errorf(grace.Position, "grace must be shorter than deadline, which is %v", d.Deadline)
	case !over.given():
		d.Over = min(d.Over, left/2)
	case d.Over >= left:
		l.errorf(over.Position, "over must be shorter than what deadline leaves for it, which is %v", left)
	}
}
