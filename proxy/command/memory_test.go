package command

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryIsGivenBackOnceItIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var opened atomic.Uint64
		freed := 0
		go tendMemory(ctx, opened.Load, func() { freed++ })
		for _, step := range []struct {
			name  string
			opens uint64
			want  int
		}{
			{"nothing has begun", 0, 0},
			{"sessions begin", 10, 0},
			{"and go on to", 10, 0},
			{"none has begun for a while", 0, 1},
			{"nor since", 0, 1},
			{"one more", 1, 1},
			{"quiet again", 0, 2},
		} {
			opened.Add(step.opens)
			time.Sleep(quiet)
			synctest.Wait()
			if freed != step.want {
				t.Errorf("%s: got memory freed %d times, want %d", step.name, freed, step.want)
			}
		}
		cancel()
	})
}
