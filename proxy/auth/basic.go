package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"usher/proxy/refusal"
	"usher/proxy/watch"
)

const (
	turnTime     = time.Second // that a client waits for its turn
	verifiedTime = time.Minute // that a password which was right needs no other look
	mostVerified = 10_000
	mostUsers    = 1 << 20 // bytes of the file
	mostCost     = 15
)

// turns are for who computes a bcrypt: one for each core, of all routes.
var turns = make(chan struct{}, runtime.GOMAXPROCS(0))

// users lets in who has a name and a password of an htpasswd file.
type users struct {
	log             *slog.Logger
	file, challenge string   // static
	key             [32]byte // static: of what is verified

	mu       sync.Mutex
	seen     os.FileInfo            // when the file was read; guarded by mu
	hashes   map[string][]byte      // by name; guarded by mu, what it holds does not change
	decoy    []byte                 // a hash that takes as long as any of theirs; guarded by mu
	verified map[[32]byte]time.Time // until when; guarded by mu
}

func openUsers(file, realm string, log *slog.Logger) (*users, error) {
	u := &users{log: log, file: file, challenge: `Basic realm="` + realm + `", charset="UTF-8"`, verified: make(map[[32]byte]time.Time)}
	rand.Read(u.key[:]) // never fails
	return u, u.read()
}

// read reads the file. The caller holds mu, or nobody else has u.
func (u *users) read() error {
	f, err := os.Open(u.file)
	if err != nil {
		return err
	}
	defer f.Close()
	seen, err := f.Stat()
	if err != nil {
		return err
	}
	lines := csv.NewReader(io.LimitReader(f, mostUsers))
	lines.Comma, lines.Comment, lines.LazyQuotes, lines.FieldsPerRecord, lines.ReuseRecord = ':', '#', true, -1, true
	u.seen = seen // also if it is broken: it is read again when it changes
	hashes, highest := make(map[string][]byte), 0
	var decoy []byte
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", u.file, err)
		}
		at, _ := lines.FieldPos(0)
		if len(fields) < 2 || fields[0] == "" {
			return fmt.Errorf("%s:%d: a line of it is NAME:HASH", u.file, at)
		}
		cost, err := bcrypt.Cost([]byte(fields[1]))
		if err != nil {
			return fmt.Errorf("%s:%d: the hash of %q is not bcrypt: make it by htpasswd -B", u.file, at, fields[0])
		}
		if cost > mostCost {
			return fmt.Errorf("%s:%d: the hash of %q has cost %d: more than %d keeps a core busy for seconds", u.file, at, fields[0], cost, mostCost)
		}
		if _, twice := hashes[fields[0]]; twice {
			return fmt.Errorf("%s:%d: %q stands here a second time", u.file, at, fields[0])
		}
		hashes[fields[0]] = []byte(fields[1])
		if cost > highest {
			highest, decoy = cost, hashes[fields[0]]
		}
	}
	if len(hashes) == 0 {
		return fmt.Errorf("%s has no user", u.file)
	}
	u.hashes, u.decoy = hashes, decoy
	clear(u.verified)
	return nil
}

// changed tells whether the file is another than the one that was read. The caller
// holds mu.
func (u *users) changed() bool {
	now, err := os.Stat(u.file)
	return err == nil && !watch.Same(now, u.seen)
}

// hash returns that of a user, or another's, so that both take as long.
func (u *users) hash(name string) (hash []byte, known bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.changed() {
		if err := u.read(); err != nil { // there is who there was
			u.log.Warn("users not read", "error", err)
		}
	}
	if h, ok := u.hashes[name]; ok {
		return h, true
	}
	return u.decoy, false
}

// shown is what is kept of a password, for a user with that hash.
func (u *users) shown(name, password string, hash []byte) (mark [32]byte) {
	h := hmac.New(sha256.New, u.key[:])
	fmt.Fprintf(h, "%d:%s%d:%s%s", len(name), name, len(password), password, hash) //nolint:errcheck // to memory
	return [32]byte(h.Sum(nil))
}

func (u *users) isVerified(mark [32]byte, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return now.Before(u.verified[mark])
}

func (u *users) verify(mark [32]byte, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.verified) >= mostVerified {
		clear(u.verified)
	}
	u.verified[mark] = now.Add(verifiedTime)
}

// quick implements way. It reads no file.
func (u *users) quick(q question, now time.Time) (g Grant, ok bool) {
	name, password, ok := q.BasicAuth()
	if !ok {
		return g, false
	}
	u.mu.Lock()
	hash, known := u.hashes[name]
	known = known && !u.changed()
	u.mu.Unlock()
	return Grant{Who: name}, known && u.isVerified(u.shown(name, password, hash), now)
}

// shows implements way.
func (u *users) shows(q question) string { return strings.Join(q.Header["Authorization"], "\n") }

// check implements way.
func (u *users) check(q question, now time.Time) (g Grant, err error) {
	name, password, ok := q.BasicAuth()
	if !ok || len(q.Header["Authorization"]) != 1 {
		return g, no("no name and password", u.challenge)
	}
	g.Who = name
	hash, known := u.hash(name)
	mark := u.shown(name, password, hash)
	if u.isVerified(mark, now) {
		return g, nil
	}
	if err := turn(q.Context()); err != nil {
		return Grant{}, err
	}
	defer func() { <-turns }()
	if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil || !known {
		return Grant{}, no("wrong name or password", u.challenge)
	}
	u.verify(mark, now)
	return g, nil
}

// turn waits until the caller may compute.
func turn(ctx context.Context) error {
	late := time.NewTimer(turnTime)
	defer late.Stop()
	select {
	case turns <- struct{}{}:
		return nil
	case <-late.C:
		return &refusal.Error{Status: 503, Reason: refusal.AuthDown, Rule: "too many passwords to look at", Hint: "each takes as long as the cost of its bcrypt says"}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
