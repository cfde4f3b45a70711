package command

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"usher/proxy/admin"
)

// topTable is one of the tables of top.
type topTable byte

// The tables, by their keys.
const (
	topRoutes    topTable = 'r'
	topUsers     topTable = 's'
	topUpstreams topTable = 'u'
)

// topOrder is what its rows are sorted by, the largest first.
type topOrder byte

// The orders, by their keys.
const (
	byMessages topOrder = 'm'
	byBytes    topOrder = 'b'
	byOpen     topOrder = 'o'
	byAge      topOrder = 'a'
)

// topRow is a line of a table, and what it is sorted by.
type topRow struct {
	cells []string // the first is the name, which takes what room there is
	pace  pace
	open  int
	age   float64 // seconds; of routes and upstreams, none
}

// sortRows puts the largest first; those that are as large stay as they are.
func sortRows(rows []topRow, by topOrder) {
	slices.SortStableFunc(rows, func(a, b topRow) int {
		switch by {
		case byMessages:
			return cmp.Compare(b.pace.messages, a.pace.messages)
		case byBytes:
			return cmp.Compare(b.pace.bytes, a.pace.bytes)
		case byOpen:
			return cmp.Compare(b.open, a.open)
		default:
			return cmp.Compare(b.age, a.age)
		}
	})
}

// topRowsOf returns a table's heads and rows, by what two samples differ.
func topRowsOf(table topTable, before, now topSample) (heads []string, rows []topRow) {
	seconds := now.at.Sub(before.at).Seconds()
	switch table {
	case topUsers:
		return []string{"SESSION", "ROUTE", "CLIENT", "AGE", "IDLE", "MSG/S", "BYTES/S"}, topSessionRows(before.sessions.Sessions, now.sessions.Sessions, seconds)
	case topUpstreams:
		return []string{"UPSTREAM", "STATE", "OPEN", "OPENED/S", "MSG/S", "BYTES/S", "FAILED"}, topUpstreamRows(before.status.Upstreams, now.status.Upstreams, seconds)
	default:
		return []string{"ROUTE", "UPSTREAM", "OPEN", "OPENED/S", "MSG/S", "BYTES/S", "HANDSHAKE", "REQ/S", "5XX/S"}, topRouteRows(before.status.Routes, now.status.Routes, seconds)
	}
}

func topRouteRows(before, now []admin.Route, seconds float64) []topRow {
	last, asked := make(map[string]admin.Counts, len(before)), make(map[string]admin.Requests, len(before))
	for _, r := range before {
		last[r.Route], asked[r.Route] = r.Counts, r.Requests
	}
	rows := make([]topRow, 0, len(now))
	for _, r := range now {
		p := paceOf(last, r.Route, r.Counts, seconds)
		name := oneLine(r.Route)
		if r.Drained {
			name += " (drained)"
		}
		rows = append(rows, topRow{pace: p, open: r.Open, cells: []string{
			name, cmp.Or(oneLine(r.Upstream), oneLine(r.Answer), byNamespace), strconv.Itoa(r.Open), decimal(p.opened), thousands(p.messages), size(uint64(p.bytes)), milliseconds(p.handshake),
			often(asked, r, seconds, func(q admin.Requests) uint64 { return q.Total }), often(asked, r, seconds, func(q admin.Requests) uint64 { return q.Failed }),
		}})
	}
	return rows
}

// often writes how many of a route's requests there were in a second; none if it was
// not there before.
func often(before map[string]admin.Requests, r admin.Route, seconds float64, count func(admin.Requests) uint64) string {
	then, ok := before[r.Route]
	was, is := count(then), count(r.Requests)
	if !ok || seconds <= 0 || is < was {
		return decimal(0)
	}
	return decimal(float64(is-was) / seconds)
}

func topUpstreamRows(before, now []admin.Upstream, seconds float64) []topRow {
	last := make(map[string]admin.Counts, len(before))
	for _, u := range before {
		last[u.Upstream] = u.Counts
	}
	rows := make([]topRow, 0, len(now))
	for _, u := range now {
		p := paceOf(last, u.Upstream, u.Counts, seconds)
		state, failed, open := stateOf(u)
		rows = append(rows, topRow{pace: p, open: open, cells: []string{
			oneLine(u.Upstream), state, strconv.Itoa(open), decimal(p.opened), thousands(p.messages), size(uint64(p.bytes)), strconv.FormatUint(failed, 10),
		}})
	}
	return rows
}

// stateOf sums the endpoints of an upstream up: how many are fit, how many dials
// and handshakes have failed, and how many sessions and legs are open.
func stateOf(u admin.Upstream) (state string, failed uint64, open int) {
	fit := 0
	for _, e := range u.Endpoints {
		if e.State == "healthy" || e.State == "unchecked" {
			fit++
		}
		failed += e.Failed()
		open += e.Open
	}
	switch {
	case len(u.Endpoints) == 1:
		return string(u.Endpoints[0].State), failed, open
	case fit == len(u.Endpoints):
		return fmt.Sprintf("%d healthy", fit), failed, open
	}
	return fmt.Sprintf("%d of %d fit", fit, len(u.Endpoints)), failed, open
}

func paceOf(last map[string]admin.Counts, name string, now admin.Counts, seconds float64) pace {
	before, ok := last[name]
	if !ok {
		return pace{}
	}
	return newPace(before, now, seconds)
}

// topSessionRows has those that are new since the last look with what passed since
// they began.
func topSessionRows(before, now []admin.Session, seconds float64) []topRow {
	type key struct {
		id      string
		started time.Time
	}
	last := make(map[key]admin.Session, len(before))
	for _, s := range before {
		last[key{s.ID, s.Started}] = s
	}
	rows := make([]topRow, 0, len(now))
	for _, s := range now {
		var p pace
		if b, ok := last[key{s.ID, s.Started}]; ok {
			p = trafficPace(b.FromClient, b.FromUpstream, s.FromClient, s.FromUpstream, seconds)
		} else if len(before) > 0 {
			p = trafficPace(admin.Traffic{}, admin.Traffic{}, s.FromClient, s.FromUpstream, max(s.Age, seconds))
		}
		rows = append(rows, topRow{pace: p, open: 1, age: s.Age, cells: []string{
			oneLine(s.ID), oneLine(s.Route), oneLine(s.Client), ago(s.Age), ago(s.Idle), thousands(p.messages), size(uint64(p.bytes)),
		}})
	}
	return rows
}

// decimal writes a rate.
func decimal(x float64) string {
	if x >= 100 {
		return thousands(x)
	}
	return fmt.Sprintf("%.1f", x)
}

// thousands writes a rate in four digits at most.
func thousands(x float64) string {
	switch {
	case x >= 1e6:
		return fmt.Sprintf("%.1fM", x/1e6)
	case x >= 1e4:
		return fmt.Sprintf("%.1fk", x/1e3)
	}
	return fmt.Sprintf("%.0f", x)
}

func milliseconds(seconds float64) string {
	if seconds <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f ms", 1000*seconds)
}
