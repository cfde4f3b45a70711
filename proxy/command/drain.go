package command

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"usher/proxy/admin"
)

// DrainOptions say what to drain. Everything has to be said: a slip must not
// empty a proxy.
type DrainOptions struct {
	OperatorOptions
	Route, Upstream, Endpoint string
	All                       bool

	Undo bool // let new sessions come again; what else is drained stays so
	Wait bool // until no session and no leg is left
}

// lookAgain is how often Drain looks whether sessions are left.
const lookAgain = 250 * time.Millisecond

// Drain has a running usher keep new sessions away and close those that are
// there, or takes that back.
func Drain(ctx context.Context, w io.Writer, o DrainOptions) error {
	target, err := o.target()
	if err != nil {
		return err
	}
	c, err := o.connect()
	if err != nil {
		return err
	}
	var answer admin.DrainAnswer
	if o.Undo {
		if err := c.ask(ctx, http.MethodPost, "/v1/enable", target, &answer); err != nil {
			return err
		}
		return writeUndone(w, target, answer)
	}
	if err := c.ask(ctx, http.MethodPost, "/v1/drain", target, &answer); err != nil {
		return err
	}
	what := sessions(answer.Sessions)
	if answer.Legs > 0 {
		what += " and " + count(uint64(answer.Legs), "leg")
	}
	if _, err := fmt.Fprintf(w, "%s takes no new sessions; %s to close\n", target, what); err != nil || !o.Wait {
		return err
	}
	return o.wait(ctx, w, c)
}

// writeUndone says what was taken back. What is drained otherwise may keep new
// sessions away from the same.
func writeUndone(w io.Writer, target admin.Target, a admin.DrainAnswer) error {
	var text strings.Builder
	fmt.Fprintln(&text, undone(target, a.Undone, len(a.Drained) > 0))
	for _, t := range a.Drained {
		fmt.Fprintf(&text, "still drained: %s\n", t)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func undone(target admin.Target, was, others bool) string {
	switch {
	case !was && target.All:
		return "there was no drain of everything"
	case !was && others:
		return fmt.Sprintf("%s was not drained for itself", target)
	case !was:
		return fmt.Sprintf("%s was not drained", target)
	case !others:
		return fmt.Sprintf("%s takes new sessions", target)
	case target.All:
		return "the drain of everything is taken back"
	}
	return fmt.Sprintf("%s is no longer drained for itself", target)
}

func (o DrainOptions) target() (admin.Target, error) {
	t := admin.Target{Route: o.Route, Upstream: o.Upstream, Endpoint: o.Endpoint, All: o.All}
	switch {
	case t == admin.Target{}:
		return t, &UsageError{Text: "drain needs to know what", Hint: "--route ROUTE, --upstream UPSTREAM, --endpoint ENDPOINT, or --all for everything"}
	case o.All && t != admin.Target{All: true}:
		return t, &UsageError{Text: "--all cannot stand with --route, --upstream or --endpoint", Hint: "usher drain --all drains everything, usher drain --route ROUTE one route"}
	case o.Route != "" && (o.Upstream != "" || o.Endpoint != ""):
		return t, &UsageError{Text: "--route cannot stand with --upstream or --endpoint", Hint: "call it twice: usher drain --route ROUTE, usher drain --upstream UPSTREAM"}
	case o.Undo && o.Wait:
		return t, &UsageError{Text: "--wait cannot stand with --undo", Hint: "leave out --wait: what takes a drain back is done at once"}
	}
	return t, nil
}

// wait returns when no session is left of what is drained.
func (o DrainOptions) wait(ctx context.Context, w io.Writer, c *operator) error {
	query := url.Values{"limit": {"1"}}
	for name, value := range map[string]string{"route": o.Route, "upstream": o.Upstream, "endpoint": o.Endpoint} {
		if value != "" {
			query.Set(name, value)
		}
	}
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		var left admin.SessionPage
		if err := c.get(ctx, "/v1/sessions?"+query.Encode(), &left); err != nil {
			return err
		}
		if left.Total == 0 {
			_, err := fmt.Fprintln(w, "no session is left")
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s left", sessions(left.Total))
		case <-tick.C:
		}
	}
}

// sessions returns "1 session" or "7 sessions".
func sessions(n int) string { return count(uint64(n), "session") }
