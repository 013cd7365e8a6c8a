package server

import (
	"context"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Log is what a server needs of the log. Appends are acknowledged by all
// in-sync replicas; one that failed may still land.
type Log interface {
	Append(ctx context.Context, batches []domain.Batch) ([]domain.Appended, error)
	Fetch(ctx context.Context, from []domain.FetchFrom, wait time.Duration, maxBytes int) ([]domain.Fetched, error)
	Bounds(ctx context.Context, topic string) ([]domain.Bounds, error)
	Warm(ctx context.Context, topic string) error
}

// Codec turns records into messages and back. Decode is total, and DecodeAll is
// Decode of many, whose records may share memory.
type Codec interface {
	Encode(topic domain.TopicKind, partition int32, r domain.Record) (domain.Message, error)
	Decode(topic domain.TopicKind, partition int32, m domain.Stored) domain.Record
	DecodeAll(dst []domain.Record, topic domain.TopicKind, partition int32, messages []domain.Stored) []domain.Record
	Original(copied domain.Copied) domain.Record
	Bury(topic domain.TopicKind, m domain.Stored, r domain.Record) domain.DeadLetter
	// Exhume decodes the record that a dead letter holds, as it stood.
	Exhume(*domain.DeadLetter) domain.Record
}
