package front

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"usher/proxy/certs"
	"usher/proxy/refusal"
)

// noClientCertificate is an error of crypto/tls that has no type.
const noClientCertificate = "tls: client didn't provide a certificate"

// outcomeOf says what became of a TLS handshake that failed with err.
func outcomeOf(err error) refusal.Handshake {
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if looksLikeHTTP(record.RecordHeader) {
			return refusal.SpokePlain
		}
		return refusal.SpokeOther
	}
	op, isOp := errors.AsType[*net.OpError](err)
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(err, certs.ErrNone):
		return refusal.NoCertificate
	case isOp && op.Op == "remote error": // an alert of the client
		return refusal.ClientRefused
	case unverified, err.Error() == noClientCertificate:
		return refusal.ClientUnknown
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return refusal.ClientSlow
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, net.ErrClosed), errors.Is(err, context.Canceled):
		return refusal.ClientGone
	}
	return refusal.NoAgreement
}
