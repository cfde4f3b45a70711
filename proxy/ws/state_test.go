package ws

import (
	"encoding/json"
	"reflect"
	"testing"
)

// viaState is c, gone through what another process reads.
func viaState(t testing.TB, c Checker) Checker {
	t.Helper()
	text, err := json.Marshal(c.State())
	if err != nil {
		t.Fatal(err)
	}
	var st CheckerState
	if err := json.Unmarshal(text, &st); err != nil {
		t.Fatal(err)
	}
	got, err := st.Checker()
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return got
}

// A Checker that moved to another process between any two bytes is the one that
// it was.
func TestCheckerState(t *testing.T) {
	key := [4]byte{1, 2, 0x83, 4}
	text := []byte("snø☃𝄞!")
	for _, fromClient := range []bool{true, false} {
		var stream []byte
		for _, f := range []struct {
			Header
			payload []byte
		}{
			{Header{Opcode: Text}, text[:6]}, {Header{Opcode: Continuation, Fin: true}, text[6:]},
			{Header{Opcode: Binary, Fin: true}, text}, {Header{Opcode: Text, Fin: true}, text},
		} {
			f.Length, f.Masked = int64(len(f.payload)), fromClient
			if fromClient {
				f.Key = key
			}
			stream = AppendHeader(stream, f.Header)
			at := len(stream)
			stream = append(stream, f.payload...)
			Mask(stream[at:], f.Key, 0)
		}
		rules := Rules{FromClient: fromClient}
		var stays, moves Checker
		var heldStays, heldMoves []byte
		for i := range stream {
			heldStays, heldMoves = append(heldStays, stream[i]), append(heldMoves, stream[i])
			n, kind, err := stays.Next(&rules, heldStays)
			m, kindMoved, errMoved := moves.Next(&rules, heldMoves)
			if err != nil || errMoved != nil || n != m || kind != kindMoved {
				t.Fatalf("byte %d: got %d, %v, %v; want %d, %v, %v", i, m, kindMoved, errMoved, n, kind, err)
			}
			heldStays, heldMoves = heldStays[n:], heldMoves[m:]
			moves = viaState(t, moves)
			if !reflect.DeepEqual(moves, stays) {
				t.Fatalf("byte %d: got %+v, want %+v", i, moves, stays)
			}
		}
		if stays.Messages() != 3 {
			t.Fatalf("got %d messages, want 3: the stream is not what it should be", stays.Messages())
		}
	}
}

func TestCheckerStateRefused(t *testing.T) {
	for _, st := range []CheckerState{
		{Left: -1}, {Left: 3}, {Flags: flagOpen, Left: 3, Size: 2}, {Text: 1}, {Text: 12}, {Flags: flagOpen, Text: textReject},
		{Flags: flagOpen, Text: 6 * textStates}, {Flags: flagFin}, {Flags: 8}, {Flags: 255},
	} {
		if c, err := st.Checker(); err == nil {
			t.Errorf("%+v: got %+v, want an error", st, c)
		}
	}
}
