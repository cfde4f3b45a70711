package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"usher/proxy/admin"
)

// UpgradeOptions are the flags of upgrade.
type UpgradeOptions struct {
	OperatorOptions

	JSON bool // as the operators' address has it
}

// Upgrade has a running usher start its program anew, and writes which process
// serves then, and how many sessions it has taken over. The old one drains the
// others meanwhile, or goes on if there is no new one.
func Upgrade(ctx context.Context, w io.Writer, o UpgradeOptions) error {
	c, err := o.connect()
	if _, ok := upgradeSignal(); err != nil && ok {
		return orSignal(err, "SIGUSR2", "has it start its program anew")
	}
	if err != nil {
		return err
	}
	var raw json.RawMessage
	err = c.ask(ctx, http.MethodPost, "/v1/upgrade", struct{}{}, &raw)
	if refused, ok := errors.AsType[*admin.Error](err); ok && refused.Status == http.StatusUnprocessableEntity {
		return fmt.Errorf("%w: the old process goes on", err)
	}
	if err != nil {
		return err
	}
	return present(c, w, raw, o.JSON, writeUpgraded)
}

func writeUpgraded(b *bytes.Buffer, u admin.Upgraded) {
	fmt.Fprintf(b, "process %d serves; %s moved in %.2fs", u.PID, sessions(u.Moved), u.Seconds)
	if u.Later > 0 {
		fmt.Fprintf(b, ", %d more as soon as they are not busy", u.Later)
	}
	drain, kinds := 0, []string{}
	for _, kind := range slices.Sorted(maps.Keys(u.Drain)) {
		drain += u.Drain[kind]
		kinds = append(kinds, fmt.Sprintf("%d %s", u.Drain[kind], kind))
	}
	if drain > 0 {
		fmt.Fprintf(b, "; the process before drains %s: %s", sessions(drain), strings.Join(kinds, ", "))
	}
	b.WriteString("\n")
}
