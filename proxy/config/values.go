package config

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// What the least allowed value of a number is.
const (
	orZero   = 0
	positive = 1
)

// duration reads "30s" or "1m30s" into d.
func (l *loader) duration(v value, least time.Duration, d *time.Duration) {
	w, ok := l.word(v)
	if !ok {
		return
	}
	const longest = 365 * 24 * time.Hour
	got, err := time.ParseDuration(w.text)
	switch {
	case isNumber(w.text) && w.text != "0":
		l.errorf(w.Position, "%s needs a unit%s", w.name, w.instead(w.text+"s"))
	case err != nil:
		l.errorf(w.Position, `%s must be a duration such as "30s" or "1m30s", not %s%s`, w.name, w, w.durationHint())
	case got < 0:
		l.errorf(w.Position, "%s must not be negative", w.name)
	case got < least:
		l.errorf(w.Position, "%s must be longer than 0", w.name)
	case got > longest:
		l.errorf(w.Position, "%s must not be longer than a year", w.name)
	default:
		*d = got
	}
}

// durationHint knows the ways that other programs write durations.
func (w word) durationHint() string {
	digits := strings.TrimRight(w.text, "abcdefghijklmnopqrstuvwxyz ")
	n, err := strconv.ParseInt(digits, 10, 16)
	if err != nil {
		return ""
	}
	switch strings.TrimSuffix(strings.TrimSpace(w.text[len(digits):]), "s") {
	case "", "sec", "second":
		return w.instead(digits + "s")
	case "min", "minute", "m":
		return w.instead(digits + "m")
	case "h", "hr", "hour":
		return w.instead(digits + "h")
	case "d", "day":
		return w.instead(strconv.FormatInt(24*n, 10) + "h")
	}
	return ""
}

// count reads a whole number into n.
func (l *loader) count(v value, least, most int64, n *int64) {
	w, ok := l.word(v)
	if !ok {
		return
	}
	got, err := strconv.ParseInt(w.text, 10, 64)
	switch {
	case isNumber(w.text) && w.tag == "!!str" && !w.secret:
		l.errorf(w.Position, "%s must be a number without quotes", w.name)
	case !isNumber(w.text):
		l.errorf(w.Position, "%s must be a whole number, not %s", w.name, w)
	case err != nil || got > most:
		l.errorf(w.Position, "%s must not be more than %d", w.name, most)
	case got < least:
		l.errorf(w.Position, "%s must be at least %d", w.name, least)
	default:
		*n = got
	}
}

var units = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9},
	{"B", 1}, {"", 1},
}

// size reads "64KiB", "1MB" or a number of bytes into n.
func (l *loader) size(v value, least int64, n *int64) {
	w, ok := l.word(v)
	if !ok {
		return
	}
	for _, u := range units {
		digits, ok := strings.CutSuffix(w.text, u.name)
		if !ok || !isNumber(digits) {
			continue
		}
		switch got, err := strconv.ParseInt(digits, 10, 64); {
		case err != nil || got > math.MaxInt64/2/u.bytes:
			l.errorf(w.Position, "%s is too large", w.name)
		case got < least:
			l.errorf(w.Position, "%s must be at least %d", w.name, least)
		default:
			*n = got * u.bytes
		}
		return
	}
	l.errorf(w.Position, `%s must be a size such as "64KiB", "1MB" or a number of bytes, not %s%s`, w.name, w, w.unitHint())
}

// unitHint knows the ways that other programs write sizes.
func (w word) unitHint() string {
	digits := strings.TrimRight(w.text, "kKmMgGiIbB ")
	unit := strings.ToUpper(strings.TrimSpace(w.text[len(digits):]))
	if !isNumber(digits) || unit == "" || !strings.Contains("KMG", unit[:1]) {
		return ""
	}
	if strings.HasSuffix(unit, "B") && !strings.Contains(unit, "I") {
		return w.instead(digits + unit[:1] + "B")
	}
	return w.instead(digits + unit[:1] + "iB")
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
