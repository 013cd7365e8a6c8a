package domain

// Header is one Kafka header of a message.
type Header struct {
	Key   string
	Value []byte
}

// Message is a record as it travels: what is handed to a log to be appended.
type Message struct {
	Key     []byte
	Value   []byte
	Headers []Header
}

// Header returns the value of the first header with that key.
func (m *Message) Header(key string) ([]byte, bool) {
	for i := range m.Headers {
		if m.Headers[i].Key == key {
			return m.Headers[i].Value, true
		}
	}
	return nil, false
}

// Stored is a message as the log holds it.
type Stored struct {
	Message
	Offset   int64
	Appended Instant // the broker's append time
}

// Batch is a run of messages for one partition. A log appends it as one unit,
// in order, at least once: a batch whose append failed may still land.
type Batch struct {
	Topic     string
	Partition int32
	Messages  []Message
}

// Appended says where the first message of a batch went. Err stands for this
// batch alone: with ErrInvalid, ErrNotFound or ErrNotSent it has not landed and
// will not; with ErrUnknownFate it may have, or still may.
type Appended struct {
	Offset int64
	Time   Instant // zero where the broker does not say it
	Err    error
}

// FetchFrom names a partition and the next offset wanted from it.
type FetchFrom struct {
	Topic     string
	Partition int32
	Offset    int64
}

// Fetched is what one partition answered. Err stands for this partition alone.
type Fetched struct {
	Topic         string
	Partition     int32
	HighWatermark int64 // the offset after the last one; reaching it is "caught up"
	LogStart      int64 // the first offset that is still retained
	Next          int64 // the offset to ask for next: behind all that was answered, also what holds no message (a transaction's marks)
	Messages      []Stored
	Err           error
}

// Bounds are the first retained offset and the offset after the last one.
type Bounds struct{ Start, End int64 }
