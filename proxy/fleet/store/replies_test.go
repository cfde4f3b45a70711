package store

import (
	"bufio"
	"net"
	"strings"
	"testing"

	"usher/proxy/config"
)

func TestReplies(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		ok   bool
	}{
		"scalars":             {"+OK\r\n:1\r\n-ERR no\r\n_\r\n#t\r\n,1.5\r\n", true},
		"strings":             {"$3\r\n*99\r\n$0\r\n\r\n$-1\r\n=5\r\ntxt:a\r\n", true},
		"lists":               {"*3\r\n$1\r\na\r\n*2\r\n:1\r\n*0\r\n*-1\r\n%1\r\n+a\r\n+b\r\n+OK\r\n", true},
		"many replies":        {strings.Repeat("*2\r\n*1\r\n:1\r\n$1\r\n*\r\n", 10*mostDepth), true},
		"a long string":       {"$17000000\r\n", false},
		"a longer one":        {"*1\r\n$9000000000000000000\r\n", false},
		"a length of no kind": {"$x\r\n", false},
		"a negative length":   {"*-2\r\n", false},
		"a long list":         {"*200000\r\n", false},
		"a long map":          {"%9000000000000000000\r\n", false},
		"deep lists":          {strings.Repeat("*1\r\n", mostDepth+1), false},
		"deep lists, slowly":  {strings.Repeat("*2\r\n:1\r\n", mostDepth+1), false},
		"attributes":          {"|1\r\n+a\r\n+b\r\n:1\r\n", false},
		"a line without end":  {strings.Repeat("x", mostReply+1), false},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			go func() { far.Write([]byte(tt.text)); far.Close() }()
			r := &replies{Conn: near}
			n := 0
			for p := make([]byte, 7); r.err == nil && n < len(tt.text); {
				k, err := r.Read(p)
				if n += k; err != nil {
					break
				}
			}
			near.Close()
			if ok := r.err == nil && n == len(tt.text); ok != tt.ok {
				t.Errorf("got %d bytes of %d, %v, want all: %v", n, len(tt.text), r.err, tt.ok)
			}
		})
	}
}

// A Redis that lies ends no process.
func TestHostileRedis(t *testing.T) {
	for _, reply := range []string{
		"*0\r\n", "*1\r\n$1\r\na\r\n", "*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n", "$9\r\nno list..\r\n", "garbage\r\n", "\r\n",
		"*9000000000000000000\r\n", "*100000000000\r\n", "$100000000000\r\n", strings.Repeat("*1\r\n", 1<<20),
	} {
		s := newTestStore(t, config.Redis{Kind: config.RedisServer, Addresses: []string{newTestLiar(t, reply)}})
		if f, err := s.Read(t.Context(), "file"); err == nil {
			t.Errorf("%.40q: got a file %+v", reply, f)
		}
	}
}

// newTestLiar answers all that it is asked with reply, but for how it is greeted.
func newTestLiar(t *testing.T, reply string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go lie(c, reply)
		}
	}()
	return l.Addr().String()
}

func lie(c net.Conn, reply string) {
	defer c.Close()
	for lines := bufio.NewScanner(c); lines.Scan(); {
		switch strings.ToLower(lines.Text()) {
		case "hello":
			c.Write([]byte("-ERR unknown command\r\n"))
		case "hmget":
			c.Write([]byte(reply))
		}
	}
}
