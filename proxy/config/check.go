package config

import (
	"strings"
	"time"
)

// Check says how usher finds out whether an endpoint can serve.
type Check struct {
	Kind      CheckKind // "" for no checks
	Path      string    // of a request, with its query
	Every     time.Duration
	Timeout   time.Duration // for one check, from the dial to the answer
	Healthy   int           // checks in a row that must pass
	Unhealthy int           // checks in a row that must fail
}

// CheckKind is what a check does.
type CheckKind string

// The kinds of checks.
const (
	CheckPath      CheckKind = "path"      // a GET that is answered by 2xx or 3xx
	CheckTCP       CheckKind = "tcp"       // a connection, with its TLS handshake
	CheckWebSocket CheckKind = "websocket" // an upgrade that is answered by 101
)

var checkKinds = []string{string(CheckPath), string(CheckTCP), string(CheckWebSocket)}

var checkKeys = append([]string{"every", "timeout", "healthy", "unhealthy"}, checkKinds...)

// maxChecks is how many checks in a row a verdict may take.
const maxChecks = 1000

func (l *loader) check(v value, d Check) Check {
	o, ok := l.object(v, "in check", checkKeys)
	if !ok {
		return Check{}
	}
	l.checkKind(o, &d)
	l.duration(o.field("every"), positive, &d.Every)
	l.duration(o.field("timeout"), positive, &d.Timeout)
	for key, n := range map[string]*int{"healthy": &d.Healthy, "unhealthy": &d.Unhealthy} {
		count := int64(*n)
		l.count(o.field(key), positive, maxChecks, &count)
		*n = int(count)
	}
	return d
}

// checkKind reads the one key that says what a check does.
func (l *loader) checkKind(o object, c *Check) {
	for _, kind := range checkKinds {
		v := o.field(kind)
		switch {
		case !v.given():
			continue
		case c.Kind != "":
			l.errorf(v.Position, "check has %s already: it takes one of %s", c.Kind, enumerate(checkKinds))
			continue
		}
		c.Kind = CheckKind(kind)
		if c.Kind != CheckTCP {
			c.Path = l.checkPath(v)
			continue
		}
		yes := true
		if l.bool(v, &yes); !yes {
			l.errorf(v.Position, "tcp must be true, or left out")
		}
	}
	if c.Kind == "" && !o.meant[string(CheckPath)] && !o.meant[string(CheckTCP)] && !o.meant[string(CheckWebSocket)] {
		l.errorf(o.Position, "check needs one of %s", enumerate(checkKinds))
	}
}

// checkPath reads what goes into a request line as it is.
func (l *loader) checkPath(v value) string {
	w, ok := l.text(v)
	switch {
	case !ok:
	case !strings.HasPrefix(w.text, "/"):
		l.errorf(w.Position, "%s %s does not begin with a slash", w.name, w)
	case strings.ContainsFunc(w.text, func(c rune) bool { return c <= ' ' || c > '~' || c == '#' }):
		l.errorf(w.Position, "%s %s has a character that must be escaped", w.name, w)
	default:
		return w.text
	}
	return ""
}
