package store

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// NodeLife is for how long what a node has said of itself is there.
	NodeLife = 10 * time.Second
	// nodeMemory is for how long it is known that a node was there.
	nodeMemory = time.Minute

	mostNodes = 256  // that are listed, those that were heard last
	mostNode  = 1024 // bytes of what one says
)

// Heard is what a node has said of itself, as Redis has it: whoever can write
// there can say anything.
type Heard struct {
	ID    string
	Value string        // cut off behind 1 KiB
	Age   time.Duration // by Redis' clock
}

// listing answers which nodes there are, the newest first: id, age in ms, value.
// Who has not been heard for long, or will have been by another clock, is forgotten
// by announce.
const listing = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function list(nodes, prefix, most, bytes)
	local all, found = redis.call('ZREVRANGE', nodes, 0, most - 1, 'WITHSCORES'), {}
	for i = 1, #all, 2 do
		local value = redis.call('GETRANGE', prefix .. all[i], 0, bytes - 1)
		if #all[i] <= 64 and value ~= '' then
			found[#found + 1] = all[i]
			found[#found + 1] = string.format('%.0f', now - all[i + 1])
			found[#found + 1] = value
		end
	end
	return found
end
`

var nodes = redis.NewScript(listing + `return list(KEYS[1], ARGV[1], ARGV[2], ARGV[3])`)

// announce answers what was there of this node before, and then as nodes does.
var announce = redis.NewScript(listing + `
local was = redis.call('GETRANGE', KEYS[2], 0, ARGV[3] - 1)
redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[6])
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - ARGV[7]))
redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.0f', now + ARGV[7]), '+inf')
local found = list(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
table.insert(found, 1, was)
return found
`)

// Announce says value of the node of that id, for NodeLife. It returns what was said
// of it before, "" for nothing, and who is there, this one among them. A Redis that
// cannot be written is still asked who is there.
func (s *Store) Announce(ctx context.Context, id, value string) (was string, all []Heard, err error) {
	var answer []string
	err = s.call(ctx, func(ctx context.Context) error {
		answer, err = announce.Run(ctx, s.client, []string{s.nodes(), s.node(id)}, s.node(""), mostNodes, mostNode,
			id, value, NodeLife.Milliseconds(), nodeMemory.Milliseconds()).StringSlice()
		return err
	})
	switch {
	case err == nil && len(answer) > 0:
		return answer[0], heard(answer[1:]), nil
	case err == nil:
		return "", nil, errReply
	case errors.Is(err, ErrAway) || ctx.Err() != nil:
		return "", nil, err
	}
	all, e := s.listNodes(ctx)
	if e != nil {
		return "", nil, e
	}
	return "", all, err
}

func (s *Store) listNodes(ctx context.Context) (all []Heard, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		answer, err := nodes.Run(ctx, s.client, []string{s.nodes()}, s.node(""), mostNodes, mostNode).StringSlice()
		all = heard(answer)
		return err
	})
	return all, err
}

func heard(answer []string) []Heard {
	var list []Heard
	for ; len(answer) >= 3; answer = answer[3:] {
		age := max(time.Duration(number(answer[1]))*time.Millisecond, 0)
		list = append(list, Heard{ID: answer[0], Age: age, Value: answer[2]})
	}
	return list
}

var retire = redis.NewScript(`
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
`)

// Retire takes back what was said of a node last, unless somebody else has said
// something else of it since.
func (s *Store) Retire(ctx context.Context, id, value string) error {
	_, err := s.run(ctx, retire, []string{s.nodes(), s.node(id)}, id, value)
	return err
}

func (s *Store) nodes() string         { return s.prefix + "nodes" }
func (s *Store) node(id string) string { return s.prefix + "node:" + id }
