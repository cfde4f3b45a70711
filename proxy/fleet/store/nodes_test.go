package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"usher/proxy/fleet/redistest"
)

func TestNodes(t *testing.T) {
	redis := redistest.Start(t)
	s := newTestStore(t, at(redis))
	say := func(id, value, before string, want ...string) {
		t.Helper()
		was, all, err := s.Announce(t.Context(), id, value)
		must(t, err)
		got := make([]string, 0, len(all))
		for _, h := range all {
			got = append(got, h.ID+"="+h.Value)
			if h.Age > time.Minute {
				t.Errorf("age of %s: got %v", h.ID, h.Age)
			}
		}
		if was != before || len(got) != len(want) {
			t.Errorf("%s says %s: got %q before and %q, want %q and %q", id, value, was, got, before, want)
		}
		for _, w := range want {
			if !strings.Contains(strings.Join(got, " ")+" ", w+" ") {
				t.Errorf("%s says %s: got %q, want %s in it", id, value, got, w)
			}
		}
	}
	say("a", "1", "", "a=1")
	say("b", "1", "", "a=1", "b=1")
	say("a", "2", "1", "a=2", "b=1")
	if left := redis.Do("PTTL", "{usher:edge}:node:a"); len(left) != 4 && left != "10000" {
		t.Errorf("life: got %s ms, want nearly %v", left, NodeLife)
	}
	must(t, s.Retire(t.Context(), "b", "other"))
	say("a", "2", "2", "a=2", "b=1")
	must(t, s.Retire(t.Context(), "b", "1"))
	say("a", "3", "2", "a=3")
	// Who was heard long ago, and by another clock will be, is forgotten.
	redis.Do("ZADD", "{usher:edge}:nodes", "1", "old", "9000000000000000", "new")
	say("a", "4", "3", "a=4")
	if n := redis.Do("ZCARD", "{usher:edge}:nodes"); n != "1" {
		t.Errorf("members: got %s, want the one", n)
	}
	redis.Do("DEL", "{usher:edge}:node:a")
	say("b", "2", "", "b=2") // a's name is there yet, without what it said
	redis.Do("FLUSHALL")
	say("b", "3", "", "b=3")
}

// A Redis in which somebody has written what he likes costs no more than any.
func TestNodesBounded(t *testing.T) {
	redis := redistest.Start(t)
	s := newTestStore(t, at(redis))
	redis.Do("EVAL", `local t = redis.call('TIME')
		for i = 1, 100000 do
			redis.call('ZADD', KEYS[1], t[1] * 1000 + 1000, 'n' .. i)
			if i > 99000 then redis.call('SET', '{usher:edge}:node:n' .. i, string.rep('x', 5000)) end
		end`, "1", "{usher:edge}:nodes")
	_, all, err := s.Announce(t.Context(), "a", "1")
	must(t, err)
	if len(all) == 0 || len(all) > mostNodes {
		t.Errorf("got %d nodes, want %d at most", len(all), mostNodes)
	}
	for _, h := range all {
		if len(h.Value) > mostNode {
			t.Fatalf("got %d bytes of a node, want %d at most", len(h.Value), mostNode)
		}
	}
}

// A full Redis tells who is there.
func TestNodesFull(t *testing.T) {
	redis := redistest.Start(t)
	s := newTestStore(t, at(redis))
	_, _, err := s.Announce(t.Context(), "a", "1")
	must(t, err)
	redis.Do("CONFIG", "SET", "maxmemory", "1")
	_, all, err := s.Announce(t.Context(), "b", "1")
	if err == nil || !strings.Contains(err.Error(), "OOM") || fmt.Sprint(len(all)) != "1" {
		t.Errorf("got %v, %v, want a and OOM", all, err)
	}
}
