package tls13

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

const (
	headSize   = 5
	tagSize    = 16
	maxInner   = MaxData + 1        // what is encrypted of a record: its type too (RFC 8446, 5.4)
	maxCipher  = MaxData + 256      // encrypted (5.2)
	legacy     = 0x0303             // the version that all records name
	lastNumber = math.MaxUint64 - 1 // MaxUint64 is never used: none may follow it
)

const (
	// MaxData is what a record brings at most (RFC 8446, 5.1).
	MaxData = 1 << 14
	// OpenRoom is the room in which every record can be opened.
	OpenRoom = maxCipher
	// MaxRecord is the size of the largest record.
	MaxRecord = headSize + maxCipher
	// MaxRest is how much a session that moves may have that is not opened. Who
	// reads 64 KiB at once behind the beginning of a record has no more.
	MaxRest = MaxRecord + 64<<10
)

// The types of records (RFC 8446, 5.1).
const (
	changeCipherSpec = 20
	alertRecord      = 21
	handshakeRecord  = 22
	dataRecord       = 23
)

// ErrSpent says that a key has been used as often as it may.
var ErrSpent = errors.New("tls: no record number is left")

// half is one direction of a connection.
type half struct {
	suite  *suite
	secret [maxSecret]byte
	key    [maxKey]byte
	iv     [nonceSize]byte
	nonce  [nonceSize]byte // of the record under way: here, as it would escape
	number uint64          // of the next record
	aead   cipher.AEAD     // nil until it is needed
}

// begin has records be protected by the keys of a traffic secret (RFC 8446, 7.3).
func (h *half) begin(s *suite, secret []byte) {
	h.suite, h.number, h.aead = s, 0, nil
	copy(h.secret[:], secret)
	s.expand(h.key[:s.key], h.secret[:s.secret], "key")
	s.expand(h.iv[:], h.secret[:s.secret], "iv")
}

// update goes on to the next generation of keys (RFC 8446, 7.2).
func (h *half) update() {
	var next [maxSecret]byte
	s := h.suite
	s.expand(next[:s.secret], h.secret[:s.secret], "traffic upd")
	h.begin(s, next[:s.secret])
	clear(next[:])
}

// ready makes the cipher and the nonce of the next record.
func (h *half) ready() error {
	if h.number > lastNumber {
		return ErrSpent
	}
	if h.aead == nil {
		aead, err := h.suite.cipher(h.key[:h.suite.key])
		if err != nil {
			return err
		}
		h.aead = aead
	}
	copy(h.nonce[:], h.iv[:])
	for i, at := 0, nonceSize-8; i < 8; i++ {
		h.nonce[at+i] ^= byte(h.number >> (56 - 8*i))
	}
	return nil
}

// seal appends the record that carries p, of MaxData bytes at most.
func (h *half) seal(dst []byte, kind byte, p []byte) ([]byte, error) {
	if err := h.ready(); err != nil {
		return dst, err
	}
	begin := len(dst)
	dst = slices.Grow(dst, headSize+len(p)+1+tagSize)
	dst = append(dst, dataRecord, legacy>>8, legacy&0xff)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p)+1+tagSize))
	head := dst[begin:]
	dst = append(dst, p...)
	dst = append(dst, kind)
	inner := dst[begin+headSize:]
	h.number++
	inner = h.aead.Seal(inner[:0], h.nonce[:], inner, head[:headSize])
	return dst[:begin+headSize+len(inner)], nil
}

// open opens a record, into dst. What it carries is valid until dst is used
// otherwise. An error is an alert or ErrSpent: nothing of the record may be used
// then.
func (h *half) open(dst, record []byte) (p []byte, kind byte, err error) {
	if err := h.ready(); err != nil {
		return nil, 0, err
	}
	inner, err := h.aead.Open(dst[:0], h.nonce[:], record[headSize:], record[:headSize])
	if err != nil {
		return nil, 0, badRecordMAC.fault()
	}
	h.number++
	if len(inner) > maxInner {
		return nil, 0, recordOverflow.fault()
	}
	end := len(inner) - 1
	for end >= 0 && inner[end] == 0 { // padding
		end--
	}
	if end < 0 {
		return nil, 0, unexpectedMessage.fault()
	}
	return inner[:end], inner[end], nil
}

// cool drops what can be made again.
func (h *half) cool() { h.aead = nil }

func (h *half) clear() { *h = half{suite: h.suite, number: math.MaxUint64} }
