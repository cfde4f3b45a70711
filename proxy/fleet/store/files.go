package store

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// File is something that was written.
type File struct {
	Value    []byte
	Size     int64     // as the writer said: what is sealed is longer
	Modified time.Time // by Redis' clock
}

// Guard is what must hold for a write to take place. The zero Guard is nothing.
type Guard struct {
	Lock  string // somebody must have it: who has Token; or nobody, if that is ""
	Token string

	Was []byte // the file must have this content, or not be there if it is empty; nil for whatever it has
}

// Read returns a file; fs.ErrNotExist if there is none of that name.
func (s *Store) Read(ctx context.Context, name string) (File, error) {
	var got []any
	err := s.call(ctx, func(ctx context.Context) (err error) {
		got, err = s.client.HMGet(ctx, s.file(name), "v", "m", "s").Result()
		return err
	})
	if err != nil {
		return File{}, err
	}
	if len(got) != 3 {
		return File{}, errReply
	}
	value, ok := got[0].(string)
	if !ok {
		return File{}, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return File{Value: []byte(value), Size: number(got[2]), Modified: time.UnixMilli(number(got[1]))}, nil
}

func number(v any) int64 {
	text, _ := v.(string)
	n, _ := strconv.ParseInt(text, 10, 64) // what Redis has counted
	return n
}

// write answers 1, or 0 if the guard does not hold.
var write = redis.NewScript(`
local lock, was = KEYS[3], ARGV[5]
if lock and (redis.call('GET', lock) or '') ~= ARGV[4] then return 0 end
if was ~= '' and '=' .. (redis.call('HGET', KEYS[1], 'v') or '') ~= was then return 0 end
local t = redis.call('TIME')
redis.call('HSET', KEYS[1], 'v', ARGV[2], 's', ARGV[3], 'm', t[1] .. string.format('%03d', math.floor(t[2] / 1000)))
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return 1
`)

// Write makes or replaces a file if the guard holds, else it is ErrFenced. size
// is what File.Size will be.
func (s *Store) Write(ctx context.Context, name string, value []byte, size int, g Guard) error {
	was := ""
	if g.Was != nil {
		was = "=" + string(g.Was)
	}
	n, err := s.run(ctx, write, s.guarded(g, s.file(name), s.index()), name, value, size, g.Token, was)
	return fenced(n, err)
}

// remove looks at what is in the index, as a folder is nothing but a name there.
var remove = redis.NewScript(`
local lock = KEYS[2]
if lock and (redis.call('GET', lock) or '') ~= ARGV[3] then return 0 end
local all = redis.call('ZRANGEBYLEX', KEYS[1], '[' .. ARGV[1] .. '/', '(' .. ARGV[1] .. '0')
all[#all + 1] = ARGV[1]
for _, name in ipairs(all) do
	redis.call('DEL', ARGV[2] .. name)
	redis.call('ZREM', KEYS[1], name)
end
return 1
`)

// Remove takes away a file, and what lies below that name. It need not be there.
func (s *Store) Remove(ctx context.Context, name string, g Guard) error {
	n, err := s.run(ctx, remove, s.guarded(g, s.index()), name, s.file(""), g.Token)
	return fenced(n, err)
}

// Names returns those of all files below a folder, in order; "" is the topmost.
func (s *Store) Names(ctx context.Context, folder string) (names []string, err error) {
	by := &redis.ZRangeBy{Min: "-", Max: "+"}
	if folder != "" {
		by = &redis.ZRangeBy{Min: "[" + folder + "/", Max: "(" + folder + "0"} // behind the slash comes 0
	}
	err = s.call(ctx, func(ctx context.Context) error {
		names, err = s.client.ZRangeByLex(ctx, s.index(), by).Result()
		return err
	})
	return names, err
}

func (s *Store) file(name string) string { return s.prefix + "cert:f:" + name }
func (s *Store) index() string           { return s.prefix + "cert:i" }

// guarded adds the lock of a guard to the keys of a script.
func (s *Store) guarded(g Guard, keys ...string) []string {
	if g.Lock != "" {
		keys = append(keys, s.lock(g.Lock))
	}
	return keys
}

func fenced(n int64, err error) error {
	if err == nil && n == 0 {
		return ErrFenced
	}
	return err
}

// Age returns what Renew has written, "" if that is lost: then Redis is another
// than before, or has been emptied.
func (s *Store) Age(ctx context.Context) (age string, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		age, err = s.client.Get(ctx, s.age()).Result()
		return err
	})
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return age, err
}

// Renew has Redis know from now on that it has been seen.
func (s *Store) Renew(ctx context.Context, age string) error {
	return s.call(ctx, func(ctx context.Context) error { return s.client.Set(ctx, s.age(), age, 0).Err() })
}

func (s *Store) age() string { return s.prefix + "cert:a" }
