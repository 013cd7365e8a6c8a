package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/understudy-io/understudy/domain"
)

// ErrSetup is a fault of the set-up, at the broker or here, that does not go
// away by itself: the wrong certificate or credentials, no permission, a broker
// that is too old. Its text says how to mend it.
var ErrSetup = errors.New("wrong set-up")

// encryptionError explains what is wrong with TLS, and is nil for any other
// fault. It counts as transient: while a server runs, an authority or a
// certificate may be renewed, and nothing that waits must be given up for that.
func encryptionError(err error) error {
	var because string
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &unknown):
		because = "nobody whom this machine trusts has signed the broker's certificate; name the authority that did in kafka.tls.ca"
	case errors.As(err, &name):
		because = "the broker's certificate is not for the address that was dialled; have one made that is, " +
			"dial the name that it is for (the broker's advertised.listeners), or say that name in kafka.tls.server_name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		because = "the broker's certificate is not valid now; renew it, and look at the clocks of both machines"
	case errors.As(err, &invalid):
		because = "the broker's certificate cannot be used; have another one made"
	case errors.As(err, &record):
		because = "the broker does not speak TLS at this port; name its TLS port in kafka.brokers, or set kafka.tls.enabled to false"
	case errors.As(err, &alert):
		because = "the broker refuses our side of TLS; kafka.tls.cert and kafka.tls.key must be those of a certificate that it trusts"
	default:
		return nil
	}
	return fmt.Errorf("%w: %w: %s: %w", ErrSetup, domain.ErrTransient, because, err)
}
