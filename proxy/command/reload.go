package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"usher/proxy/admin"
)

// Reload has a running usher read its routes file again. If the file is bad,
// all of its errors go to stderr, and nothing has changed.
func Reload(ctx context.Context, w, stderr io.Writer, o OperatorOptions) error {
	c, err := o.connect()
	if err != nil {
		return orSignal(err, "SIGHUP", "has it read the file again")
	}
	var done admin.Reloaded
	err = c.ask(ctx, http.MethodPost, "/v1/reload", struct{}{}, &done)
	if refused, ok := errors.AsType[*admin.Error](err); ok && refused.Status == http.StatusUnprocessableEntity {
		for _, one := range refused.List {
			fmt.Fprintln(stderr, one) //nolint:errcheck // nobody is left to hear it
		}
		return fmt.Errorf("%s: nothing has changed", refused.Text)
	}
	if err != nil {
		return err
	}
	for _, warning := range done.Warnings {
		fmt.Fprintf(stderr, "usher: warning: %s\n", warning) //nolint:errcheck // nobody is left to hear it
	}
	_, err = fmt.Fprintf(w, "reloaded %s%s\n", done.File, changed(done.Changes))
	return err
}

// changed says what a reload has changed; "" if only what cannot be counted.
func changed(c admin.Changes) string {
	if c.Same {
		return ": nothing in it has changed"
	}
	var list []string
	for _, one := range []struct {
		n          int
		what, done string
	}{
		{c.RoutesAdded, "route", "added"},
		{c.RoutesRemoved, "route", "removed"},
		{c.EndpointsAdded, "endpoint", "added"},
		{c.EndpointsRemoved, "endpoint", "removed"},
		{c.ListenersAdded, "listener", "added"},
		{c.ListenersRemoved, "listener", "removed"},
		{c.Sessions, "session", "to drain"},
		{c.Legs, "leg", "to close"},
	} {
		if one.n > 0 {
			list = append(list, count(uint64(one.n), one.what)+" "+one.done)
		}
	}
	if list == nil {
		return ""
	}
	return ": " + strings.Join(list, ", ")
}
