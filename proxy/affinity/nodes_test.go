package affinity

import (
	"strings"
	"testing"
)

var (
	oldKey = []byte("old key of a fleet, 32 bytes ...")
	newKey = []byte("new key of a fleet, 32 bytes ...")
)

// A sid leads to the node that has made it, from all that have its key.
func TestNodes(t *testing.T) {
	a := NewNodes([][]byte{newKey, oldKey}, "a1")
	b := NewNodes([][]byte{oldKey}, "b2")
	for _, revision := range []int{3, 4} {
		for _, tt := range []struct {
			name     string
			by, with *Nodes
			node     string
			ok       bool
		}{
			{"own", a, a, "a1", true},
			{"of who has the old key alone", b, a, "b2", true},
			{"of a key that is not known", a, b, "", false},
			{"of another fleet", NewNodes([][]byte{[]byte("x")}, "a1"), a, "", false},
		} {
			sid := tt.by.New(revision)
			h, ok := tt.with.Read(sid)
			if ok != tt.ok || ok && (!h.Is(tt.node) || h.Is("c3")) {
				t.Errorf("revision %d, %s: got %+v, %v, want %s, %v", revision, tt.name, h, ok, tt.node, tt.ok)
			}
			if revision == 3 && (len(sid) != 20 || strings.Trim(sid, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") != "") {
				t.Errorf("got sid %q, want 20 characters as the reference server's", sid)
			}
			if revision == 4 && !strings.Contains(sid, "~n."+tt.by.id+".") {
				t.Errorf("got sid %q, want the node in it", sid)
			}
		}
	}
}

// No sid leads anywhere that no node has made.
func TestNodesOfWhatIsMadeUp(t *testing.T) {
	n := NewNodes([][]byte{newKey}, "a1")
	whole, old := n.New(4), n.New(3)
	sid, mac := whole[:20], whole[len(whole)-16:]
	for _, made := range []string{
		"", "~n.", "~n.a1", "~n.a1.", sid, sid + "~n.a1", sid + "~n.." + mac, sid + "~n.b2." + mac, sid + "~n.a1." + mac[1:], sid + "~n.a1." + mac + "A",
		"A" + whole[1:], "A" + whole, whole + "~n.a1." + mac, sid + "~" + mac, "lv_VI97HAXpY6yYWAAAC", "__proto__",
		old[1:], old + "A", old[:12] + "AA" + old[14:], "AAAAAAAAAAAA" + old[12:], old[:14] + "AAAAAA",
	} {
		if h, ok := n.Read(made); ok && made != whole && made != old {
			t.Errorf("%q: got %+v, want nothing", made, h)
		}
	}
	seen := make(map[string]bool)
	for range 1000 {
		for _, sid := range []string{n.New(3), n.New(4)} {
			if seen[sid] {
				t.Fatalf("got %q twice", sid)
			}
			seen[sid] = true
		}
	}
}

// A sid of a server's leads to the node that was learned for it, until too many
// others have come.
func TestNodesLearn(t *testing.T) {
	n := NewNodes([][]byte{newKey}, "a1")
	n.Learn(sid, "b2")
	if h, ok := n.Read(sid); !ok || h.Node != "b2" {
		t.Errorf("got %+v, %v, want what was learned", h, ok)
	}
	for range maxLearned {
		n.Learn(n.New(4), "c3")
	}
	if h, ok := n.Read(sid); ok {
		t.Errorf("got %+v, want it forgotten", h)
	}
	made := n.New(3)
	n.Learn(made, "b2")
	if h, _ := n.Read(made); !h.Is("a1") || h.Node == "b2" {
		t.Errorf("got %+v, want what the sid itself says", h)
	}
}

// FuzzNodes reads anything: only what the node has made leads anywhere.
func FuzzNodes(f *testing.F) {
	n := NewNodes([][]byte{newKey, oldKey}, "a1")
	f.Add(n.New(3), "x")
	f.Add(n.New(4), "~n.a1.")
	f.Add("~n.a1.AAAAAAAAAAAAAAAA", ".")
	f.Add(sid, "")
	other := NewNodes([][]byte{[]byte("another fleet")}, "a1")
	f.Fuzz(func(t *testing.T, sid, more string) {
		for _, s := range []string{sid, sid + more, more + sid} {
			h, ok := n.Read(s)
			if _, twice := other.Read(s); ok && twice {
				t.Fatalf("%q is a sid of two fleets", s)
			}
			if !ok && h != (Home{}) {
				t.Fatalf("%q: got %+v of no sid", s, h)
			}
			if ok && h.Node != "" && !strings.Contains(s, "~n."+h.Node+".") {
				t.Fatalf("%q: got node %q", s, h.Node)
			}
		}
		for _, revision := range []int{3, 4} {
			if made := n.New(revision); more != "" {
				if h, ok := n.Read(made + more); ok {
					t.Fatalf("%q: got %+v for what has more behind it", made+more, h)
				}
			}
		}
	})
}
