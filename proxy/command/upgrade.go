package command

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Upgrade has the usher that serves the routes file start its program anew, and
// writes which process serves then. The old one drains meanwhile.
func Upgrade(ctx context.Context, w io.Writer, file string) error {
	o, err := OperatorOptions{Routes: file}.connect()
	if _, ok := upgradeSignal(); err != nil && ok {
		return orSignal(err, "SIGUSR2", "has it start its program anew")
	}
	if err != nil {
		return err
	}
	var answer struct {
		PID int `json:"pid"`
	}
	if err := o.ask(ctx, http.MethodPost, "/v1/upgrade", struct{}{}, &answer); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "process %d serves, and the one before drains\n", answer.PID)
	return err
}
