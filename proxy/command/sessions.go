package command

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"usher/proxy/admin"
)

// SessionFilter says which open sessions of a running usher are meant: those
// that fit all that is set.
type SessionFilter struct {
	Route, Upstream, Endpoint string // as they are listed
	Client                    string // an address or a network
}

// SessionsOptions say which open sessions to list.
type SessionsOptions struct {
	OperatorOptions
	SessionFilter
	Search string // text that stands in any of those, in the id or in a namespace
	Limit  int    // how many
	JSON   bool   // as the operators' address has it
}

// Sessions writes the open sessions of a running usher, the newest first.
func Sessions(ctx context.Context, w io.Writer, o SessionsOptions) error {
	c, err := o.connect()
	if err != nil {
		return err
	}
	query := url.Values{"limit": {strconv.Itoa(o.Limit)}}
	for name, value := range map[string]string{"route": o.Route, "upstream": o.Upstream, "endpoint": o.Endpoint, "client": o.Client, "q": o.Search} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return show(ctx, c, w, "/v1/sessions?"+query.Encode(), o.JSON, writeSessions)
}

func writeSessions(b *bytes.Buffer, page admin.SessionPage) {
	rows := [][]string{{"AGE", "QUIET", "MESSAGES IN", "OUT", "BYTES IN", "OUT", "ROUTE", "ENDPOINT", "CLIENT", "ID"}}
	split := slices.ContainsFunc(page.Sessions, func(s admin.Session) bool { return s.Split != nil })
	if split {
		rows[0] = append(rows[0], "NAMESPACES")
	}
	for _, s := range page.Sessions {
		row := []string{
			ago(s.Age), ago(s.Idle),
			strconv.FormatUint(s.FromClient.Messages, 10), strconv.FormatUint(s.FromUpstream.Messages, 10),
			size(s.FromClient.Bytes), size(s.FromUpstream.Bytes),
			s.Route, sessionEndpoint(s), s.Client, s.ID,
		}
		if split {
			row = append(row, sessionNamespaces(s.Split))
		}
		rows = append(rows, row)
	}
	writeTable(b, "", rows)
	fmt.Fprintf(b, "\n%d of %s\n", len(page.Sessions), sessions(page.Total))
}

func sessionEndpoint(s admin.Session) string {
	if s.Split == nil {
		return s.Upstream + "=" + s.Endpoint
	}
	return cmp.Or(byLeg(s.Legs), "-")
}

// sessionNamespaces tells the namespaces that a client is in, and those that it
// waits for.
func sessionNamespaces(s *admin.Split) string {
	if s == nil {
		return ""
	}
	text := strings.Join(s.Namespaces, " ")
	if len(s.Waiting) > 0 {
		text = strings.TrimSpace(text + " waits for " + strings.Join(s.Waiting, " "))
	}
	return oneLine(text)
}
