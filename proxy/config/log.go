package config

// Log says what is logged, and how.
type Log struct {
	Level  Level
	Format Format     // Auto, Text or JSON
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

// The formats. Auto is Text on a terminal, and JSON elsewhere.
const (
	Auto     Format = "auto"
	Text     Format = "text"
	JSON     Format = "json"
	Combined Format = "combined" // as Apache and nginx have it
)

// Level is the least that a line of the log has.
type Level string

// The levels.
const (
	Debug   Level = "debug"
	Info    Level = "info"
	Warn    Level = "warn"
	Failure Level = "error"
)

var (
	logKeys       = []string{"level", "format", "access"}
	accessLogKeys = []string{"to", "format", "sample"}
)

func (l *loader) log(v value) Log {
	log := Log{Level: Info, Format: Auto}
	o, ok := l.object(v, "in log", logKeys)
	if !ok {
		return log
	}
	choice(l, o.field("level"), &log.Level, Debug, Info, Warn, Failure)
	choice(l, o.field("format"), &log.Format, Auto, Text, JSON)
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
