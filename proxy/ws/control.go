package ws

// ControlFrame is a whole control frame of a stream.
type ControlFrame struct {
	Header  Header
	Size    int    // of the whole frame
	Payload []byte // unmasked, in the scratch that was given
}

// Control describes the control frame that p, the p[n:] of the last Next,
// begins with. p stays as it is: the payload is unmasked into scratch.
func (c *Checker) Control(p []byte, scratch *[MaxControlPayload]byte) ControlFrame {
	h, n, err := ParseHeader(p)
	if err != nil || n == 0 || len(p) < n+int(h.Length) || !h.Opcode.Control() {
		panic("ws: Control without a control frame")
	}
	size := n + int(h.Length)
	payload := scratch[:copy(scratch[:], p[n:size])]
	Mask(payload, h.Key, 0)
	return ControlFrame{Header: h, Size: size, Payload: payload}
}

// checkControl checks the control frame that p begins with, as soon as its
// header is there; size is the header's.
func checkControl(r *Rules, h Header, p []byte, size int) (Kind, error) {
	if h.Masked != r.FromClient {
		return Data, badMask(r)
	}
	if h.RSV != 0 {
		return Data, badRSV(h)
	}
	if len(p) < size+int(h.Length) {
		return Short, nil
	}
	if h.Opcode == Close {
		var scratch [MaxControlPayload]byte
		payload := scratch[:copy(scratch[:], p[size:size+int(h.Length)])]
		Mask(payload, h.Key, 0)
		if err := checkClose(payload); err != nil {
			return Data, err
		}
	}
	return Control, nil
}
