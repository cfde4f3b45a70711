package config

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// maxFile bounds what a mistaken file name, such as a log, can cost.
const maxFile = 1 << 20

// pipePatience is how long a routes file that is a pipe may take to be written.
const pipePatience = 10 * time.Second

// Load reads and checks the routes file of that name. The error is an Errors
// unless the file could not be read at all.
func Load(file string) (*Config, error) {
	// A pipe that nobody writes to must not hold up whoever reads.
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.SetReadDeadline(time.Now().Add(pipePatience)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	c, err := parse(file, text, os.LookupEnv, localAddresses())
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 == 0 {
		c.Warnings = c.advice // nobody but its owner and group can read the secrets
	}
	return c, nil
}

// Parse checks text, the content of a routes file. file only names it in
// errors and in the result; env tells the variables that ${NAME} may name, none
// if it is nil.
// The error is always an Errors.
func Parse(file string, text []byte, env func(string) (string, bool)) (*Config, error) {
	return parse(file, text, env, nil)
}

// parse does so on a machine with these addresses, besides those that each has.
func parse(file string, text []byte, env func(string) (string, bool), local []netip.Addr) (*Config, error) {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	l := &loader{file: file, env: env, local: local, claims: make(claims)}
	c := &Config{File: file}
	if root, ok := l.document(text); ok {
		l.top(root, c)
	}
	if len(l.errors) > 0 {
		return nil, l.errors.Sorted()
	}
	return c, nil
}

// loader is one reading of one file. Its methods report what is wrong and go
// on, so that every fault is found at once.
type loader struct {
	file  string
	env   func(string) (string, bool)
	local []netip.Addr // of this machine

	errors   Errors
	warnings Errors // about secrets in the file
	advice   Errors // about anything else
	claims   claims
	visited  int  // values walked, those behind aliases each time
	stopped  bool // there were too many; what is missing now is not the file's fault
}

func (l *loader) errorf(at Position, format string, args ...any) {
	if !l.stopped {
		l.errors = append(l.errors, l.fault(at, format, args))
	}
}

func (l *loader) warnf(at Position, format string, args ...any) {
	l.warnings = append(l.warnings, l.fault(at, format, args))
}

func (l *loader) advise(at Position, format string, args ...any) {
	l.advice = append(l.advice, l.fault(at, format, args))
}

func (l *loader) fault(at Position, format string, args []any) *Error {
	return &Error{File: l.file, Position: at, Text: fmt.Sprintf(format, args...)}
}

// where names a place for use within an error's text.
func (l *loader) where(at Position) string {
	return fmt.Sprintf("%s:%d:%d", l.file, at.Line, at.Column)
}

var fileKeys = slices.Concat([]string{
	"listen", "tls", "trusted_proxies", "drain", "admin", "tracing", "log", "watch", "dial_timeout", "affinity_secret", "fleet", "limits", "response_headers", "error_pages", "auth", "upstreams", "routes",
}, accessKeys, limitKeys)

func (l *loader) top(root value, c *Config) {
	o, ok := l.object(root, "at the top level", fileKeys)
	if !ok {
		return
	}
	d := defaults()
	c.Drain, c.TrustedProxies = l.drain(o.field("drain"), d.drain), l.networks(o.field("trusted_proxies"), "a trusted proxy")
	l.bool(o.field("watch"), &c.Watch)
	c.Admin = l.admin(o.field("admin"))
	c.Log = l.log(o.field("log"))
	c.Tracing = l.tracing(o.field("tracing"), d.tracing)
	var sourceless bool
	c.TLS, sourceless = l.tls(o.field("tls"), d)
	c.Listen = l.listeners(o.field("listen"), d.listeners(c.TLS), len(c.TLS.Domains) > 0 || c.TLS.Ask != "")
	for _, one := range c.Listen {
		if one.Address == c.Admin.Address && one.Address != "" && !strings.HasSuffix(one.Address, ":0") {
			l.errorf(c.Admin.Position, "admin has the address %q of clients: it needs one of its own", one.Address)
		}
	}
	l.wantCertificates(o.field("tls"), sourceless, c.Listen)

	limits := l.limits(o, d.limits)
	c.HandshakeTimeout, c.Limits = limits.HandshakeTimeout, limits
	l.duration(o.field("dial_timeout"), positive, &d.dialTimeout)
	c.AffinitySecret = l.secret(o.field("affinity_secret"), "affinity_secret", leastSecret, nil)
	d.secret = c.AffinitySecret
	c.Fleet = l.fleet(o.field("fleet"), d.fleet)
	c.Upstreams = l.upstreams(o, d)
	l.refuseLoops(c)
	l.adviseCookies(c)
	c.Answers = l.answerHeaders(o.field("response_headers"), AnswerHeaders{})
	c.ErrorPages = l.errorPages(o.field("error_pages"), nil)
	c.Quota = l.quota(o.field("limits"), d.quota, false)
	c.Routes = l.routes(o, inherited{limits, l.access(o, Access{}), l.auth(o.field("auth"), nil), c.Quota, c.Answers, c.ErrorPages}, c.Upstreams)
	l.wantUsers(c)
	l.uncovered(c)
	c.advice = l.advice.Sorted()
	c.Warnings = append(l.warnings, l.advice...).Sorted()
}
