package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/domain"
)

// errOffsetNotAvailable is what a leader says that has just become one; kafka-go has
// no name for it.
const errOffsetNotAvailable kafkago.Error = 78

// codeError gives a broker's error code its class, and says what to do. What a
// broker refuses to a user it may grant again, while a server runs: a password is
// changed, a permission was taken by mistake. Nothing that waits is given up for that.
func codeError(code int16) error {
	e := kafkago.Error(code)
	switch e {
	case kafkago.NotEnoughReplicas:
		return fmt.Errorf("%w: fewer brokers are in sync than min.insync.replicas asks for; bring the missing ones back: %w",
			domain.ErrTransient, e)
	case kafkago.BrokerNotAvailable: // the client's own word where it reaches none
		return fmt.Errorf("%w: no broker can be reached", domain.ErrTransient)
	case errOffsetNotAvailable:
		return fmt.Errorf("%w: the leader does not know yet how far its log goes: error %d", domain.ErrTransient, code)
	case kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge:
		return fmt.Errorf("%w: larger than the topic's max.message.bytes; append less at once, or raise it: %w", domain.ErrInvalid, e)
	case kafkago.InvalidTopic, kafkago.InvalidRequiredAcks, kafkago.InvalidTimestamp, kafkago.InvalidRecord,
		kafkago.UnsupportedForMessageFormat, kafkago.UnsupportedVersion, kafkago.PolicyViolation:
		return fmt.Errorf("%w: the broker refuses it: %w", domain.ErrInvalid, e)
	case kafkago.TopicAuthorizationFailed, kafkago.ClusterAuthorizationFailed:
		return fmt.Errorf("%w: %w: this user has not the permission; grant it at the broker (docs/kafka.md lists what each needs): %w", domain.ErrTransient, ErrSetup, e)
	case kafkago.SASLAuthenticationFailed, kafkago.UnsupportedSASLMechanism, kafkago.IllegalSASLState:
		return fmt.Errorf("%w: %w: the broker does not accept these credentials; check kafka.sasl: user, password and mechanism: %w", domain.ErrTransient, ErrSetup, e)
	case kafkago.OffsetOutOfRange:
		return fmt.Errorf("%w: the log does not hold this offset: %w", domain.ErrNotFound, e)
	}
	return fmt.Errorf("%w: %w", domain.ErrTransient, e)
}

// errMoved marks an append that a broker did not acknowledge because it does not lead
// the partition, or not any more. Somebody else will take it.
var errMoved = errors.New("the leader has moved")

// landed gives a produce error of a broker the fate of the batch. One that has lost its
// leadership says the same whether it lost it before the append or while it waited for
// the other replicas; then one of those may lead, and have the batch.
func landed(err error) error {
	if errors.Is(err, domain.ErrInvalid) {
		return err
	}
	var e kafkago.Error
	if errors.As(err, &e) {
		switch e {
		case kafkago.NotLeaderForPartition, kafkago.LeaderNotAvailable, kafkago.UnknownTopicOrPartition, kafkago.ReplicaNotAvailable:
			return fmt.Errorf("%w: %w: %w", domain.ErrUnknownFate, errMoved, err)
		case kafkago.NotEnoughReplicas,
			kafkago.TopicAuthorizationFailed, kafkago.ClusterAuthorizationFailed, kafkago.SASLAuthenticationFailed,
			kafkago.InvalidMessage: // damaged on the way: the broker did not take it
			return fmt.Errorf("%w: %w", domain.ErrNotSent, err)
		}
	}
	return fmt.Errorf("%w: %w", domain.ErrUnknownFate, err)
}

// callError gives an error of the transport its class.
func callError(err error) error {
	var e kafkago.Error
	switch encryption := encryptionError(err); {
	case errors.Is(err, domain.ErrInvalid), errors.Is(err, domain.ErrTransient), errors.Is(err, domain.ErrNotFound):
		return err
	case errors.As(err, &e):
		return codeError(int16(e))
	case encryption != nil:
		return encryption
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: %w", domain.ErrTransient, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer from the broker in time: %w", domain.ErrTransient, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the broker closed the connection; if it does so each time, check credentials and TLS: %w", domain.ErrTransient, err)
	}
	return fmt.Errorf("%w: the broker cannot be reached: %w", domain.ErrTransient, err)
}

// movedOn says whether an error may mean that the picture of the cluster is
// out of date.
func movedOn(err error) bool {
	return errors.Is(err, domain.ErrTransient) && !errors.Is(err, context.Canceled) &&
		!errors.Is(err, kafkago.NotEnoughReplicas) && !errors.Is(err, ErrSetup)
}

func outOfRange(err error) bool { return errors.Is(err, kafkago.OffsetOutOfRange) }
