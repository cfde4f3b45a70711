package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"usher/proxy/headers"
	"usher/proxy/refusal"
)

func hashOf(t testing.TB, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(h), "$2a$", "$2y$", 1) // as Apache's has it
}

func ask(name, password string) question {
	r := httptest.NewRequest("GET", "/", nil)
	if name != "" {
		r.SetBasicAuth(name, password)
	}
	return question{r, headers.Sender{}}
}

// wantRefused wants err to be a refusal of that status, or none.
func wantRefused(t *testing.T, what string, err error, status int) {
	t.Helper()
	e, _ := errors.AsType[*refusal.Error](err)
	if got := 0; e != nil && e.Status != status || e == nil && status != got {
		t.Errorf("%s: got %v, want %d", what, err, status)
	}
	if status == 401 && e != nil && !strings.Contains(e.Challenge, `realm="staff"`) {
		t.Errorf("%s: got %q, want a challenge", what, e.Challenge)
	}
}

func TestUsers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# staff\n\nann:" + hashOf(t, "one") + "\nbob:" + hashOf(t, "two: ü") + ":comment\n")
	u, err := openUsers(file, "staff", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, password string
		status         int
	}{{"ann", "one", 0}, {"bob", "two: ü", 0}, {"ann", "two: ü", 401}, {"ann", "", 401}, {"eve", "one", 401}, {"", "", 401}, {"eve", string(u.key[:]), 401}} {
		q := ask(tt.name, tt.password)
		if _, ok := u.quick(q, now); ok {
			t.Errorf("%s: got in without a look", tt.name)
		}
		_, err := u.check(q, now)
		wantRefused(t, tt.name+" "+tt.password, err, tt.status)
		if _, ok := u.quick(q, now.Add(59*time.Second)); ok != (tt.status == 0) {
			t.Errorf("%s: got %t soon after", tt.name, ok)
		}
		if _, ok := u.quick(q, now.Add(time.Minute)); ok {
			t.Errorf("%s: got in without a look, a minute later", tt.name)
		}
	}
	twice := ask("ann", "one")
	twice.Header.Add("Authorization", "Basic "+"YW5uOm9uZQ==")
	_, err = u.check(twice, now)
	wantRefused(t, "two headers", err, 401)

	write("ann:" + hashOf(t, "other") + "\n") // of another length
	if _, ok := u.quick(ask("ann", "one"), now); ok {
		t.Error("got in by the password of before")
	}
	_, err = u.check(ask("ann", "other"), now)
	wantRefused(t, "changed", err, 0)
	write("broken\n")
	_, err = u.check(ask("ann", "other"), now)
	wantRefused(t, "broken: who was there stays", err, 0)
}

func TestUsersFaults(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "has no user",
		"ann\n":                     ":1: a line of it is NAME:HASH",
		"\nann:{SHA}abc\n":          `:2: the hash of "ann" is not bcrypt`,
		"ann:$apr1$a$b\n":           "is not bcrypt",
		":" + hashOf(t, "x") + "\n": "NAME:HASH",
		strings.Repeat("ann:"+hashOf(t, "x")+"\n", 2): `:2: "ann" stands here a second time`,
	} {
		file := filepath.Join(t.TempDir(), "users")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openUsers(file, "staff", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// Who is not there takes as long as who is: the same work is done.
func TestUnknownUserTakesAsLong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(file, []byte("ann:"+hashOf(t, "one")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := openUsers(file, "staff", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ann, _ := u.hash("ann")
	eve, _ := u.hash("eve")
	known, err1 := bcrypt.Cost(ann)
	other, err2 := bcrypt.Cost(eve)
	if known != other || err1 != nil || err2 != nil {
		t.Errorf("got cost %d of a user, and %d of nobody: %v, %v", known, other, err1, err2)
	}
}

// One computes on each core; the others wait a second for their turn.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := turns
		defer func() { turns = before }()
		turns = make(chan struct{}, 1)
		if err := turn(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err := turn(t.Context())
		wantRefused(t, "late", err, 503)
		if took := time.Since(began); took != time.Second {
			t.Errorf("got %v, want a second", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := turn(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("gone: got %v", err)
		}
		<-turns
	})
}
