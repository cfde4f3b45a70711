package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"usher/proxy/auth"
	"usher/proxy/config"
	"usher/proxy/headers"
	"usher/proxy/refusal"
)

// door is how operators come in, as one routes file has it.
type door struct {
	config.Admin
	gates auth.Set
}

// door returns the one of now.
func (h *Handler) door() door {
	to, gates := h.Broker.Guard()
	return door{to, gates}
}

// gateName stands in place of a route where decisions of gates are counted.
const gateName = "admin"

// errNobody is for who shows nothing that lets in.
var errNobody = failure(http.StatusUnauthorized, "the token is missing or wrong")

// identify says who r comes from: by what it shows, or else by its cookie.
func (h *Handler) identify(r *http.Request, d door) (Operator, error) {
	if !d.Guarded() {
		return Operator{Role: config.Operate}, nil
	}
	o, err := h.judge(d, r)
	if login := h.unseal(r); err != nil && login != nil {
		return d.ask(login)
	}
	return o, err
}

// judge is ask where what r shows may be a guess.
func (h *Handler) judge(d door, r *http.Request) (Operator, error) {
	if _, bearer := bearerOf(r); !bearer && !d.isBasic(r) {
		return d.ask(r)
	}
	if o, ok := d.quick(r); ok {
		return o, nil
	}
	// It counts before it is known to be wrong, as many may come at once.
	if !h.guesses.try(r.RemoteAddr, time.Now()) {
		return Operator{}, errGuesses
	}
	o, err := d.wait(r)
	if !isWrong(err) {
		h.guesses.right(r.RemoteAddr)
	}
	return o, err
}

// isWrong tells whether err says that what was shown is no good: not that its time
// is over, and not that nobody can say.
func isWrong(err error) bool {
	e, ok := errors.AsType[*refusal.Error](err)
	return errors.Is(err, errNobody) || ok && e.Status == http.StatusUnauthorized && !auth.IsExpired(err)
}

// ask says who r comes from, or why nobody knows.
func (d door) ask(r *http.Request) (Operator, error) {
	if o, ok := d.quick(r); ok {
		return o, nil
	}
	return d.wait(r)
}

// quick says who r comes from, if that can be said without waiting for anything.
func (d door) quick(r *http.Request) (Operator, bool) {
	if shown, ok := bearerOf(r); ok && d.Token != "" && same(shown, d.Token) {
		return Operator{Role: config.Operate}, true
	}
	for _, way := range d.ways(r) {
		if g, ok := d.gates[way.Auth].Quick(r, headers.Sender{}, gateName, time.Now()); ok {
			return newOperator(g, way.Role), true
		}
	}
	return Operator{}, false
}

// wait says what quick can't.
func (d door) wait(r *http.Request) (Operator, error) {
	var why error = errNobody
	for _, way := range d.ways(r) {
		g, err := d.gates[way.Auth].Check(r, headers.Sender{}, gateName, time.Now())
		if err == nil {
			return newOperator(g, way.Role), nil
		}
		if !auth.IsExpired(why) { // which says the most
			why = err
		}
	}
	return Operator{}, why
}

// ways returns those that take what r shows.
func (d door) ways(r *http.Request) (list []config.AdminAuth) {
	basic := d.isBasic(r)
	for _, way := range d.Auth {
		if (way.Basic != nil) == basic {
			list = append(list, way)
		}
	}
	return list
}

// isBasic tells whether r shows a name and a password, and some way takes them.
func (d door) isBasic(r *http.Request) bool {
	_, _, shown := r.BasicAuth()
	return shown && d.takes("basic")
}

// takes tells whether some way is of a kind.
func (d door) takes(kind string) bool {
	return slices.ContainsFunc(d.Auth, func(way config.AdminAuth) bool { return way.Kind() == kind })
}

func bearerOf(r *http.Request) (token string, ok bool) {
	return strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
}
