package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"usher/proxy/admin"
)

// Upgrade has a running usher start its program anew, and writes which process
// serves then. The old one drains meanwhile, or goes on if there is no new one.
func Upgrade(ctx context.Context, w io.Writer, o OperatorOptions) error {
	c, err := o.connect()
	if _, ok := upgradeSignal(); err != nil && ok {
		return orSignal(err, "SIGUSR2", "has it start its program anew")
	}
	if err != nil {
		return err
	}
	var answer struct {
		PID int `json:"pid"`
	}
	err = c.ask(ctx, http.MethodPost, "/v1/upgrade", struct{}{}, &answer)
	if refused, ok := errors.AsType[*admin.Error](err); ok && refused.Status == http.StatusUnprocessableEntity {
		return fmt.Errorf("%w: the old process goes on", err)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "process %d serves, and the one before drains\n", answer.PID)
	return err
}
