package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

// topTick is how often top looks.
const topTick = time.Second

// What terminals of the last forty years understand (ECMA-48, and xterm's
// alternate screen).
const (
	screenEnter = "\x1b[?1049h\x1b[?25l\x1b[2J"
	screenLeave = "\x1b[?25h\x1b[?1049l"
	lineEnd     = "\x1b[0m\x1b[K"
	screenHome  = "\x1b[H"
	screenRest  = "\x1b[J"
	reverse     = "\x1b[7m"
)

// Top shows what a running usher does, again and again, until a key or ctx ends
// it. Where out is no terminal it does so once.
func Top(ctx context.Context, in, out *os.File, o OperatorOptions) error {
	c, err := o.connect()
	if err != nil {
		return err
	}
	first, err := sampleTop(ctx, c, false)
	if err != nil {
		return err
	}
	t := newTop(c, first, out)
	if !term.IsTerminal(int(out.Fd())) || !term.IsTerminal(int(in.Fd())) {
		return t.once(ctx)
	}
	t.size = func() (int, int, error) { return term.GetSize(int(out.Fd())) }
	// Signals that would end the process with the terminal as it is then.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP, syscall.SIGQUIT)
	defer stop()
	if which, ok := resizeSignal(); ok {
		signal.Notify(t.resized, which)
		defer signal.Stop(t.resized)
	}
	return t.onScreen(ctx, in)
}

// top is one run of Top.
type top struct {
	operator *operator
	out      io.Writer
	size     func() (width, height int, err error)
	keys     chan []byte // as they were read; closed at the end of input
	resized  chan os.Signal

	view   topView
	asking bool
	answer chan topAnswer
}

// topAnswer is what came of asking. A panic there is one here, where the
// terminal is given back.
type topAnswer struct {
	topSample
	err   error
	panic any
}

func newTop(c *operator, first topSample, out io.Writer) *top {
	return &top{
		operator: c, out: out, keys: make(chan []byte), resized: make(chan os.Signal, 1), answer: make(chan topAnswer, 1),
		view: topView{before: first, now: first, table: topRoutes, order: byMessages},
	}
}

// once writes all routes after one look more, a second later.
func (t *top) once(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(topTick):
	}
	s, err := sampleTop(ctx, t.operator, false)
	if err != nil {
		return err
	}
	t.view.now = s
	_, err = io.WriteString(t.out, strings.Join(t.view.plain(), "\n")+"\n")
	return err
}

// onScreen takes the terminal, and gives it back whatever happens.
func (t *top) onScreen(ctx context.Context, in *os.File) error {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	defer func() {
		io.WriteString(t.out, screenLeave) //nolint:errcheck // there is no one left to tell
		term.Restore(int(in.Fd()), before) //nolint:errcheck // likewise
	}()
	if _, err := io.WriteString(t.out, screenEnter); err != nil {
		return err
	}
	go t.read(ctx, in) // ends with the process at the latest: a read of a terminal cannot be ended
	return t.run(ctx)
}

// read hands on what is typed.
func (t *top) read(ctx context.Context, in io.Reader) {
	defer close(t.keys)
	for {
		p := make([]byte, 64)
		n, err := in.Read(p)
		if err != nil {
			return
		}
		select {
		case t.keys <- p[:n]:
		case <-ctx.Done():
			return
		}
	}
}

// run shows what comes until a key or ctx ends it.
func (t *top) run(ctx context.Context) error {
	tick := time.NewTicker(topTick)
	defer tick.Stop()
	t.ask(ctx)
	for {
		if err := t.draw(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			t.ask(ctx)
		case a := <-t.answer:
			t.take(a)
		case <-t.resized:
		case input, ok := <-t.keys:
			if !ok || t.press(ctx, input) {
				return nil
			}
		}
	}
}

// ask asks for a sample, unless one is on its way.
func (t *top) ask(ctx context.Context) {
	if !t.asking {
		t.asking = true
		go t.sample(ctx, t.view.table == topUsers) // run, or nobody, takes its answer
	}
}

func (t *top) sample(ctx context.Context, withSessions bool) {
	var a topAnswer
	defer func() {
		a.panic = recover()
		t.answer <- a
	}()
	a.topSample, a.err = sampleTop(ctx, t.operator, withSessions)
}

// take shows a sample. One that was asked for between two ticks is compared
// with the same as the one that it replaces.
func (t *top) take(a topAnswer) {
	t.asking = false
	if a.panic != nil {
		panic(a.panic)
	}
	if a.err != nil {
		t.view.fault = a.err.Error()
		return
	}
	t.view.fault = ""
	if a.at.Sub(t.view.now.at) > topTick/2 {
		t.view.before = t.view.now
	}
	t.view.now = a.topSample
}

// press acts on what was typed, and tells whether it was the end.
func (t *top) press(ctx context.Context, input []byte) (quit bool) {
	table := t.view.table
	_, height, err := t.size()
	if err != nil {
		height = 24
	}
	for _, k := range readKeys(input) {
		if t.view.press(k, max(1, height-topFrame)) {
			return true
		}
	}
	if t.view.table != table {
		t.ask(ctx)
	}
	return false
}

// draw writes the screen in one go, so that it does not flicker.
func (t *top) draw() error {
	width, height, err := t.size()
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	var b strings.Builder
	b.WriteString(screenHome)
	for i, line := range t.view.render(width, height) {
		if i > 0 {
			b.WriteString("\r\n")
		}
		if i == topHeads {
			line = reverse + pad(line, width, false)
		}
		b.WriteString(line + lineEnd)
	}
	b.WriteString(screenRest)
	_, err = io.WriteString(t.out, b.String())
	return err
}
