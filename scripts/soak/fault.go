//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gorilla/websocket"
)

// fault is something that happens to usher, and what may come of it.
type fault struct {
	name string
	do   func(context.Context, *stage) error

	// Which sockets it may end: none but those of exposed groups, or of the one
	// that is named, and these with one of the codes; all, if it is the last.
	codes []int
	group string
	last  bool
}

// faults are in the order of the first round.
func faults() []fault {
	return []fault{
		{name: "nothing happens", do: nothing},
		{name: "an endpoint is killed and started again", do: killEndpoint, codes: []int{websocket.CloseInternalServerErr}},
		{name: "an endpoint is stopped for 3 s", do: stopEndpoint},
		{name: "an endpoint is slow", do: slowEndpoint},
		{name: "an endpoint is restarted while stopped", do: restartStopped, codes: []int{websocket.CloseInternalServerErr}},
		{name: "50 reloads change another route", do: reloadOther},
		{name: "10 reloads of a bad file", do: reloadBad},
		{name: "an endpoint is removed, and put back", do: removeEndpoint, codes: []int{websocket.CloseServiceRestart}},
		{name: "certificates change 10 times", do: changeCertificates},
		{name: "the disk of the certificates is full", do: fillDisk},
		{name: "no descriptors are left", do: takeDescriptors},
		{name: "usher takes its own place 5 times", do: upgrade, codes: []int{websocket.CloseServiceRestart}, group: "messages"},
	}
}

// theEnd is SIGTERM.
var theEnd = fault{name: "SIGTERM", do: terminate, codes: []int{websocket.CloseServiceRestart}, last: true}

// judge tells what is wrong with the sockets that ended.
func (f *fault) judge(ended map[*group][]*ending) error {
	var wrong []error
	for g, list := range ended {
		seen := make(map[string]int)
		for _, e := range list {
			if fault := f.wrongWith(g, e); fault != "" {
				seen[fault]++
			}
		}
		for text, n := range seen {
			wrong = append(wrong, fmt.Errorf("%d sockets of group %s: %s", n, g.name, text))
		}
	}
	return errors.Join(wrong...)
}

// exposes tells whether f may end sockets of g.
func (f *fault) exposes(g *group) bool {
	if f.group != "" {
		return g.name == f.group
	}
	return g.exposed
}

func (f *fault) wrongWith(g *group, e *ending) string {
	switch {
	case e.wrong != nil:
		return "content: " + e.wrong.Error()
	case !f.last && (!f.exposes(g) || len(f.codes) == 0):
		return "ended, though this did not concern them: " + e.String()
	case e.err != nil:
		return "ended without a Close frame: " + e.err.Error()
	case !slices.Contains(f.codes, e.code):
		return fmt.Sprintf("ended by %s, want one of %v", e, f.codes)
	}
	return ""
}

func (e *ending) String() string {
	if e.err != nil {
		return e.err.Error()
	}
	return fmt.Sprintf("Close %d %q", e.code, e.reason)
}
