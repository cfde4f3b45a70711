package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

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
	_, err = fmt.Fprintf(w, "reloaded %s\n", done.File)
	return err
}
