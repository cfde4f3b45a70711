package demux

import (
	"fmt"
	"strconv"
	"strings"

	"usher/proxy/engineio"
)

func (w *walker) fromClient(m *Message) {
	w.call(func() { w.s.FromClient(w.now, m) })
}

func (w *walker) clientStep(op, arg byte) {
	if !w.ready && !w.over {
		return
	}
	if w.client.left > 0 {
		w.fromClient(w.attachment(w.client, arg))
		return
	}
	name := w.pick(arg, func(sp *space) bool { return sp.state != left })
	if op < 25 && arg&64 != 0 {
		name = walkNames[int(arg)%len(walkNames)]
	}
	if name == "" {
		name, op = walkNames[int(arg)%len(walkNames)], 0
	}
	switch {
	case op < 25:
		if sp := w.s.find([]byte(name)); sp != nil && sp.joined() && arg&31 != 0 {
			return // it would end the session
		}
		w.fromClient(w.text(`0` + head(name) + `{"pid":"p~t","token":"x"}`))
	case op < 30:
		w.fromClient(w.text(`1` + head(name)))
	default:
		w.fromClient(w.packet(w.client, name, arg, op < 60))
	}
}

func (w *walker) legStep(leg int, op, arg byte) {
	st := w.legs[leg]
	name := w.pick(arg, func(sp *space) bool { return int(sp.leg) == leg && (op >= 35 || sp.pending > 0) })
	if name == "" {
		name = walkNames[int(arg)%len(walkNames)]
	}
	from := func(m *Message) { w.call(func() { w.s.FromLeg(w.now, leg, m) }) }
	switch {
	case st == nil:
		if w.over {
			from(w.text("2"))
		}
	case st.left > 0:
		from(w.attachment(st, arg))
	case op < 35:
		st.joined[name] = true
		from(w.text(`0` + head(name) + `{"sid":"s","pid":"p"}`))
	case op < 38:
		from(w.text(`4` + head(name) + `{"message":"no"}`))
	case op < 40:
		st.joined[name] = false
		from(w.text(`1` + head(name)))
	default:
		from(w.packet(st, name, arg, op < 60))
	}
}

func (w *walker) legLife(leg int, arg byte) {
	if _, there := w.fake.legs[leg]; !there && !w.over {
		return
	}
	w.call(func() {
		switch arg & 15 {
		default:
			w.s.LegUp(w.now, leg, "tag"+strconv.Itoa(int(arg)))
			w.s.FromLeg(w.now, leg, w.message(engineio.Open, false, fmt.Sprintf(openPacket, "x")))
			return
		case 0:
			w.s.LegUp(w.now, leg, "")
			return
		case 1, 2:
			if w.opened(leg) {
				return
			}
			delete(w.fake.legs, leg)
			delete(w.legs, leg)
			w.s.LegFailed(w.now, leg)
		case 3:
			if w.opened(leg) {
				return
			}
			delete(w.fake.legs, leg)
			delete(w.legs, leg)
			w.s.LegRefused(w.now, leg, Refusal{Status: 400 + 40*int(arg>>6), Text: "no"})
		case 4:
			if w.opened(leg) && arg&16 != 0 {
				return
			}
			delete(w.fake.legs, leg)
			delete(w.legs, leg)
			w.s.LegLost(w.now, leg)
		}
	})
}

// leg returns one that is there, if there is any.
func (w *walker) leg(n byte) int {
	for i := range 4 {
		leg := (int(n) + i) % 4
		if _, there := w.fake.legs[leg]; there {
			return leg
		}
	}
	return int(n) % 4
}

func (w *walker) opened(leg int) bool {
	return leg < len(w.s.legs) && w.s.legs[leg].state >= legOpen
}

func head(name string) string {
	if name == "/" {
		return ""
	}
	return name + ","
}

func (w *walker) text(content string) *Message {
	return w.message(engineio.Message, false, content)
}

// packet makes a numbered event. Some are long, some have attachments, some
// ask for an answer.
func (w *walker) packet(st *stream, name string, arg byte, attached bool) *Message {
	w.sent++
	content := "2"
	if attached {
		st.left, st.group = 1+int(arg)%3, w.sent
		content = fmt.Sprintf("5%d-", st.left)
	}
	content += head(name)
	if arg&8 != 0 {
		content += strconv.Itoa(w.sent)
	}
	content += fmt.Sprintf(`["n",%d,"%s"]`, w.sent, strings.Repeat("p", int(arg)%3*400))
	return w.text(content)
}

func (w *walker) attachment(st *stream, arg byte) *Message {
	st.left--
	return w.message(engineio.Message, true, fmt.Sprintf("%d.%d.%s", st.group, st.left, strings.Repeat("a", int(arg)%2*600)))
}
