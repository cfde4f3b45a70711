package member

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/proxy/fleet/link"
	"usher/proxy/fleet/store"
)

func says(id, address string) store.Heard {
	text, _ := json.Marshal(Note{ID: id, Address: address, Epoch: "e", Version: "1.2.3", Digest: "d", State: "ready"})
	return store.Heard{ID: id, Value: string(text)}
}

func TestRead(t *testing.T) {
	if n, ok := read(says("b", "10.0.0.2:7443")); !ok || n.ID != "b" || n.Address != "10.0.0.2:7443" {
		t.Errorf("got %+v, %v", n, ok)
	}
	for name, h := range map[string]store.Heard{
		"garbage":         {ID: "b", Value: "{"},
		"another's":       {ID: "c", Value: says("b", "10.0.0.2:7443").Value},
		"no address":      says("b", ""),
		"no port":         says("b", "10.0.0.2"),
		"port 0":          says("b", "10.0.0.2:0"),
		"everywhere":      says("b", "0.0.0.0:7443"),
		"control letters": says("b", "10.0.0.2\x1b[2J:7443"),
		"a path":          says("b", "a/b:7443"),
		"a long one":      says("b", strings.Repeat("a", 300)+":1"),
		"a foreign id":    says("b\n", "10.0.0.2:7443"),
		"no id":           says("", "10.0.0.2:7443"),
	} {
		if n, ok := read(h); ok {
			t.Errorf("%s: got %+v", name, n)
		}
	}
}

func TestChoose(t *testing.T) {
	self := link.Node{ID: "a", Address: "10.0.0.1:1"}
	b, old := says("b", "10.0.0.2:1"), says("b", "10.0.0.2:1")
	old.Age = silent + time.Millisecond
	up := link.Peer{ID: "b", Address: "10.0.0.2:1", Up: true}
	down := up
	down.Up = false
	var many []store.Heard
	for i := range 1000 {
		many = append(many, says(fmt.Sprint("n", i), fmt.Sprintf("10.0.1.1:%d", i+1)))
	}
	found := link.Node{ID: "b", Address: "10.0.0.2:1"}
	file := link.Node{Address: "b.test:1"}
	for _, tt := range []struct {
		name  string
		file  []link.Node
		heard []store.Heard
		peers []link.Peer
		want  []link.Node
	}{
		{"found", nil, []store.Heard{says("a", self.Address), b}, nil, []link.Node{found}},
		{"its own id or address by another", nil, []store.Heard{says("a", "10.0.0.3:1"), says("z", self.Address)}, nil, nil},
		{"missed beats", nil, []store.Heard{old}, []link.Peer{down}, nil},
		{"missed beats, and there", nil, []store.Heard{old}, []link.Peer{up}, []link.Node{found}},
		{"an empty redis", nil, nil, []link.Peer{up}, []link.Node{found}},
		{"of the file too", []link.Node{file}, []store.Heard{b}, []link.Peer{{ID: "b", Address: file.Address, Up: true}}, []link.Node{file}},
		{"of the file, which is not there", []link.Node{file}, []store.Heard{b}, []link.Peer{{ID: "b", Address: file.Address}}, []link.Node{file, found}},
	} {
		if got := choose(self, tt.file, tt.heard, tt.peers); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	if got := choose(self, nil, many, []link.Peer{up}); len(got) != most || got[0] != found {
		t.Errorf("many: got %d, the first %v", len(got), got[0])
	}
}
