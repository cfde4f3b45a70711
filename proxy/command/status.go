package command

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/proxy/admin"
)

// endedLimit is how many ended sessions are shown, if nobody says how many.
const endedLimit = 50

// StatusOptions say what to show of a running usher.
type StatusOptions struct {
	OperatorOptions
	Ended bool // the sessions that ended last, instead of the summary
	Limit int  // how many of those; if 0, 50
	JSON  bool // as the operators' address has it
	Exit  bool // fail while anything is wrong
}

// Status writes what a running usher does, or which sessions ended last.
func Status(ctx context.Context, w io.Writer, o StatusOptions) error {
	if o.Exit && o.Ended {
		return &UsageError{Text: "--exit-code is for what is wrong now, and --ended for what was", Hint: "usher status --exit-code"}
	}
	if o.Limit != 0 && !o.Ended {
		return &UsageError{Text: "--limit is for --ended alone", Hint: "usher status --ended --limit " + strconv.Itoa(o.Limit)}
	}
	c, err := o.connect()
	if err != nil {
		return err
	}
	if o.Ended {
		path := "/v1/sessions/ended?limit=" + strconv.Itoa(cmp.Or(o.Limit, endedLimit))
		return show(ctx, c, w, path, o.JSON, func(b *bytes.Buffer, page admin.EndedPage) { writeEnded(b, page, time.Now()) })
	}
	var raw json.RawMessage
	if err := c.get(ctx, "/v1/status", &raw); err != nil {
		return err
	}
	if err := present(c, w, raw, o.JSON, func(b *bytes.Buffer, s admin.Status) { writeStatus(b, s, time.Now()) }); err != nil {
		return err
	}
	var s admin.Status
	if o.Exit && (json.Unmarshal(raw, &s) != nil || len(s.Incidents) > 0) {
		return errNo
	}
	return nil
}

// writeStatus writes one screen.
func writeStatus(b *bytes.Buffer, s admin.Status, now time.Time) {
	ready := "ready"
	if !s.Ready {
		ready = "not ready"
	}
	fmt.Fprintf(b, "%s, %s, %s, for %s, %s\n", s.Version, s.Phase, ready, ago(s.Uptime), s.File)
	for _, i := range s.Incidents {
		fmt.Fprintf(b, "! %s, for %s: %s\n", oneLine(i.What), ago(now.Sub(i.Since).Seconds()), oneLine(i.Text))
	}
	b.WriteString("\n")
	rows := [][]string{
		{"sessions", fmt.Sprintf("%d open of %d", s.Sessions.Open, s.Sessions.Opened)},
		{"messages", fmt.Sprintf("%d in, %d out", s.Sessions.FromClient.Messages, s.Sessions.FromUpstream.Messages)},
		{"bytes", fmt.Sprintf("%s in, %s out", size(s.Sessions.FromClient.Bytes), size(s.Sessions.FromUpstream.Bytes))},
		{"ends", byCount(s.Sessions.Ends)},
		{"handshakes", fmt.Sprintf("%d claimed, %d twice; %s on average, %s of it to connect", s.Handshakes.Claims, s.Handshakes.Duplicates, average(s.Sessions.Handshake), average(s.Sessions.Dial))},
		{"requests", fmt.Sprintf("%d, %d with 5xx; head of the answer after %s", s.Requests.Total, s.Requests.Failed, quantiles(s.Requests))},
		{"refused", byCount(s.Handshakes.Refusals)},
		{"reloads", fmt.Sprintf("%d done, %d refused; the file is that of %s ago", s.Reloads.Done, s.Reloads.Refused, ago(now.Sub(s.Reloads.Last).Seconds()))},
	}
	for _, u := range s.Upstreams {
		if u.Held > 0 {
			rows = append(rows, []string{"held", fmt.Sprintf("%d wait for an endpoint of %s", u.Held, u.Upstream)})
		}
	}
	for _, c := range s.Certificates {
		left := "none yet"
		if !c.NotAfter.IsZero() {
			left = fmt.Sprintf("ends in %s", ago(c.Left))
		}
		rows = append(rows, []string{"certificate", c.Name + " " + left})
	}
	writeTable(b, "", rows)
	b.WriteString("\n")
	writeTable(b, "", statusRoutes(s.Routes))
	b.WriteString("\n")
	writeTable(b, "", statusEndpoints(s.Upstreams, now))
}

// byNamespace stands for the upstream of what is split by namespace.
const byNamespace = "by namespace"

func statusRoutes(routes []admin.Route) [][]string {
	rows := [][]string{{"ROUTE", "UPSTREAM", "OPEN", "OPENED", "MESSAGES IN", "OUT", "BYTES IN", "OUT", "HANDSHAKE", "REQUESTS", "5XX", "P50, P99", ""}}
	for _, r := range routes {
		note := ""
		if r.Drained {
			note = "drained"
		}
		rows = append(rows, []string{
			r.Route, cmp.Or(r.Upstream, r.Answer, byNamespace), strconv.Itoa(r.Open), strconv.FormatUint(r.Opened, 10),
			strconv.FormatUint(r.FromClient.Messages, 10), strconv.FormatUint(r.FromUpstream.Messages, 10),
			size(r.FromClient.Bytes), size(r.FromUpstream.Bytes), average(r.Handshake),
			strconv.FormatUint(r.Requests.Total, 10), strconv.FormatUint(r.Requests.Failed, 10), quantiles(r.Requests), note,
		})
	}
	return rows
}

func statusEndpoints(upstreams []admin.Upstream, now time.Time) [][]string {
	rows := [][]string{{"UPSTREAM", "ENDPOINT", "STATE", "FOR", "OPEN", "DIALS", "FAILED", "LAST ERROR"}}
	for _, u := range upstreams {
		for _, e := range u.Endpoints {
			since := "-"
			if !e.Since.IsZero() {
				since = ago(now.Sub(e.Since).Seconds())
			}
			rows = append(rows, []string{
				u.Upstream, e.Endpoint, string(e.State), since, strconv.Itoa(e.Open),
				strconv.FormatUint(e.Dials, 10), strconv.FormatUint(e.Failed(), 10), lastError(e, now),
			})
		}
	}
	return rows
}

// lastError says when it came: an old one is no news.
func lastError(e admin.Endpoint, now time.Time) string {
	if e.LastError == "" {
		return ""
	}
	return ago(now.Sub(e.LastErrorAt).Seconds()) + " ago: " + oneLine(e.LastError)
}

func writeEnded(b *bytes.Buffer, page admin.EndedPage, now time.Time) {
	rows := [][]string{{"ENDED", "CAUSE", "CODE", "LASTED", "MESSAGES IN", "OUT", "ROUTE", "ENDPOINT", "CLIENT", "ID"}}
	split := slices.ContainsFunc(page.Sessions, func(e admin.Ended) bool { return e.Namespaces != nil })
	if split {
		rows[0] = append(rows[0], "NAMESPACES")
	}
	if slices.ContainsFunc(page.Sessions, func(e admin.Ended) bool { return e.Detail != "" }) {
		rows[0] = append(rows[0], "ERROR")
	}
	for _, e := range page.Sessions {
		row := []string{
			ago(now.Sub(e.Ended).Seconds()) + " ago", e.Cause, strconv.Itoa(int(e.Code)), ago(e.Duration),
			strconv.FormatUint(e.FromClient.Messages, 10), strconv.FormatUint(e.FromUpstream.Messages, 10),
			e.Route, cmp.Or(e.Endpoint, byLeg(e.Legs), byNamespace), e.Client, e.ID,
		}
		if split {
			row = append(row, oneLine(strings.Join(e.Namespaces, " ")))
		}
		rows = append(rows, append(row, oneLine(e.Detail)))
	}
	writeTable(b, "", rows)
}

// byLeg writes the endpoints of a session that is split by namespace.
func byLeg(legs []admin.Leg) string {
	list := make([]string, len(legs))
	for i, l := range legs {
		list[i] = l.Upstream + "=" + l.Endpoint
	}
	return strings.Join(list, " ")
}

// byCount returns what is more than nothing, the most frequent first.
func byCount(counts map[string]uint64) string {
	var list []string
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return int(counts[b]) - int(counts[a])
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		if counts[name] > 0 {
			list = append(list, fmt.Sprintf("%d %s", counts[name], name))
		}
	}
	if list == nil {
		return "none"
	}
	return strings.Join(list, ", ")
}

func average(l admin.Latency) string {
	if l.Count == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f ms", 1000*l.Sum/float64(l.Count))
}

// quantiles writes what half, and all but a hundredth, of the requests took.
func quantiles(r admin.Requests) string {
	if r.P99 == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f, %.1f ms", 1000*r.P50, 1000*r.P99)
}

// ago writes seconds in the two largest units.
func ago(seconds float64) string {
	switch s := int64(seconds); {
	case s < 0:
		return "0s"
	case s < 10:
		return fmt.Sprintf("%.1fs", seconds)
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
	}
}

// size writes bytes in the unit that leaves at most four digits.
func size(n uint64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	x, i := float64(n), 0
	for x >= 1024 && i < len(units)-1 {
		x, i = x/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", x, units[i])
}
