package command

import (
	"testing"

	"usher/proxy/admin"
)

func TestChanged(t *testing.T) {
	for _, tt := range []struct {
		changes admin.Changes
		want    string
	}{
		{admin.Changes{Same: true}, ": nothing in it has changed"},
		{admin.Changes{}, ""}, // such as other headers
		{admin.Changes{RoutesRemoved: 1, Sessions: 2}, ": 1 route removed, 2 sessions to drain"},
		{
			admin.Changes{RoutesAdded: 2, EndpointsAdded: 1, EndpointsRemoved: 3, ListenersAdded: 1, ListenersRemoved: 1, Sessions: 1, Legs: 4},
			": 2 routes added, 1 endpoint added, 3 endpoints removed, 1 listener added, 1 listener removed, 1 session to drain, 4 legs to close",
		},
	} {
		if got := changed(tt.changes); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.changes, got, tt.want)
		}
	}
}
