package config

// Log says what is logged, and how.
type Log struct {
	Access *AccessLog // nil for none
}

// AccessLog has a line for each plain request and each handshake.
type AccessLog struct {
	To     string   // Stdout, or a file: relative to the folder of the routes file
	At     Position // where it stands
	Format Format
	Sample float64 // the share of requests that have a line
}

// Stdout is where lines go that name no file.
const Stdout = "stdout"

// Format is how lines look.
type Format string

// The formats of an access log.
const (
	JSON     Format = "json"
	Combined Format = "combined" // as Apache and nginx have it
)

var (
	logKeys       = []string{"access"}
	accessLogKeys = []string{"to", "format", "sample"}
)

func (l *loader) log(v value) (log Log) {
	o, ok := l.object(v, "in log", logKeys)
	if !ok {
		return log
	}
	if access := o.field("access"); access.given() {
		log.Access = l.accessLog(access)
	}
	return log
}

func (l *loader) accessLog(v value) *AccessLog {
	a := &AccessLog{To: Stdout, At: v.Position, Format: JSON, Sample: 1}
	o, ok := l.object(v, "in access", accessLogKeys)
	if !ok {
		return a
	}
	if w, ok := l.text(o.field("to")); ok {
		a.To, a.At = w.text, w.Position
	}
	choice(l, o.field("format"), &a.Format, JSON, Combined)
	l.share(o.field("sample"), &a.Sample)
	return a
}
