package parquetfile

import (
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/understudy-io/understudy/domain"
)

// rowsAtOnce is how many rows one group has.
const rowsAtOnce = 10_000

// Header is one Kafka header, as it is.
type Header struct {
	Name  string  `parquet:"name"`
	Value *[]byte `parquet:"value,optional"`
}

// Row is one record.
type Row struct {
	Topic       string    `parquet:"topic,dict"`
	Partition   int32     `parquet:"partition"`
	Offset      int64     `parquet:"offset,delta"`
	Appended    time.Time `parquet:"appended,timestamp(millisecond)"`
	Key         *[]byte   `parquet:"key,optional"`
	Value       *[]byte   `parquet:"value,optional"`
	Headers     []Header  `parquet:"headers,list"`
	UID         *string   `parquet:"id,optional"`
	Source      *string   `parquet:"source,optional,dict"`
	Type        *string   `parquet:"type,optional,dict"`
	Time        *string   `parquet:"time,optional"`
	Subject     *string   `parquet:"subject,optional,dict"`
	ContentType *string   `parquet:"datacontenttype,optional,dict"`
	User        *string   `parquet:"user,optional,dict"`
	Epoch       *string   `parquet:"epoch,optional,dict"`
	Sequence    *string   `parquet:"sequence,optional"`
	Signed      bool      `parquet:"signed"`
	Defect      *string   `parquet:"defect,optional,dict"`
	Payload     *string   `parquet:"payload,optional"`
}

// Described is what decoding says of a record.
type Described struct {
	Signed  bool
	Defect  domain.Defect
	Payload []byte // JSON; nil for none
}

// Describe decodes a record.
type Describe func(topic string, partition int32, m *domain.Stored) Described

// Sink writes one file.
type Sink struct {
	w        *parquet.GenericWriter[Row]
	describe Describe
	rows     []Row
}

// Begin begins a file.
func Begin(w io.Writer, describe Describe) *Sink {
	return &Sink{
		w:        parquet.NewGenericWriter[Row](w, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(rowsAtOnce)),
		describe: describe,
	}
}

// Add writes a record. It keeps its bytes until some are written at once.
func (s *Sink) Add(topic string, partition int32, m *domain.Stored) error {
	s.rows = append(s.rows, rowOf(topic, partition, m, s.describe(topic, partition, m)))
	if len(s.rows) < rowsAtOnce/10 {
		return nil
	}
	return s.flush()
}

func (s *Sink) flush() error {
	_, err := s.w.Write(s.rows)
	clear(s.rows)
	s.rows = s.rows[:0]
	return err
}

// Close writes what is left, and the end of the file.
func (s *Sink) Close() error {
	if err := s.flush(); err != nil {
		return err
	}
	return s.w.Close()
}

func rowOf(topic string, partition int32, m *domain.Stored, d Described) Row {
	r := Row{
		Topic: topic, Partition: partition, Offset: m.Offset, Appended: time.Unix(0, int64(m.Appended)).UTC(),
		Key: bytesOf(m.Key), Value: bytesOf(m.Value), Signed: d.Signed,
	}
	columns := map[string]**string{
		"ce_id": &r.UID, "ce_source": &r.Source, "ce_type": &r.Type, "ce_time": &r.Time, "ce_subject": &r.Subject,
		"content-type": &r.ContentType, "ce_user": &r.User, "ce_epoch": &r.Epoch, "ce_sequence": &r.Sequence,
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, Header{Name: text(h.Key), Value: bytesOf(h.Value)})
		if column := columns[h.Key]; column != nil && *column == nil && len(h.Value) > 0 {
			v := text(string(h.Value))
			*column = &v
		}
	}
	if d.Defect != domain.DefectNone {
		v := string(d.Defect)
		r.Defect = &v
	}
	if d.Payload != nil {
		v := string(d.Payload)
		r.Payload = &v
	}
	return r
}

// bytesOf tells null from empty.
func bytesOf(b []byte) *[]byte {
	if b == nil {
		return nil
	}
	return &b
}

// text is UTF-8, as Parquet wants it of strings.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
