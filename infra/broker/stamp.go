package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"time"

	"github.com/segmentio/kafka-go/compress"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/understudy-io/understudy/adapters/kafka"
)

// Where things stand in a record batch of version 2.
const (
	atLength     = 8
	atMagic      = 16
	atChecksum   = 17
	atAttributes = 21
	atFirstTime  = 27
	atMaxTime    = 35
	atCount      = 57
	batchHeader  = 61
)

// The bits of a batch's attributes.
const (
	compressionBits = 0x07
	appendTimeBit   = 0x08
	controlBit      = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// renewControl is how many requests one registration of the stamp serves: the
// broker keeps the last request of every connection that it ever saw with it.
const renewControl = 64

// stampAppends puts the time of the append into every record, before the
// broker sees it. The broker itself would only do so for batches that ask for
// it, and would leave their checksum wrong: unreadable after a restart.
//
// It also tells the flusher, if there is one, of each append.
func stampAppends(cluster *kfake.Cluster, flusher *flusher) {
	kept := keptTimes(cluster)
	served := 0
	var control func(kmsg.Request) (kmsg.Response, error, bool)
	control = func(request kmsg.Request) (kmsg.Response, error, bool) {
		now := time.Now().UnixMilli()
		produce := request.(*kmsg.ProduceRequest)
		for i := range produce.Topics {
			for j := range produce.Topics[i].Partitions {
				if p := &produce.Topics[i].Partitions[j]; !kept[produce.Topics[i].Topic] {
					p.Records = stamp(p.Records, now)
				}
			}
		}
		if flusher != nil {
			flusher.begin(produce)
		}
		if served++; served%renewControl == 0 {
			cluster.DropControl()
			cluster.ControlKey(int16(kmsg.Produce), control)
		} else {
			cluster.KeepControl()
		}
		return nil, nil, false
	}
	cluster.ControlKey(int16(kmsg.Produce), control)
}

// keptTimes are the topics that were told to keep the times that records come with,
// as an import needs it. Requests are handled one after the other.
func keptTimes(cluster *kfake.Cluster) map[string]bool {
	kept := make(map[string]bool)
	cluster.ControlKey(int16(kmsg.IncrementalAlterConfigs), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		for _, r := range request.(*kmsg.IncrementalAlterConfigsRequest).Resources {
			for _, c := range r.Configs {
				if r.ResourceType == kmsg.ConfigResourceTypeTopic && c.Name == "message.timestamp.type" && c.Value != nil {
					kept[r.ResourceName] = *c.Value == "CreateTime"
				}
			}
		}
		return nil, nil, false
	})
	return kept
}

// stamp gives a batch whose records all have the time now. Batches that are
// not sound, and those that hold no records inside of a sound header, or more
// than the limits of adapters/kafka, come back as something that the broker refuses.
func stamp(batch []byte, now int64) []byte {
	if len(batch) < batchHeader || batch[atMagic] != 2 ||
		binary.BigEndian.Uint32(batch[atChecksum:]) != crc32.Checksum(batch[atAttributes:], castagnoli) {
		return batch // the broker finds the same, and says so
	}
	if !level(&batch) {
		// The answer to a batch that pretends to be a control batch is
		// "invalid record": final, so the client does not try again.
		batch[atAttributes+1] |= controlBit
		seal(batch)
		return batch
	}
	batch[atAttributes+1] &^= appendTimeBit
	binary.BigEndian.PutUint64(batch[atFirstTime:], uint64(now))
	binary.BigEndian.PutUint64(batch[atMaxTime:], uint64(now))
	seal(batch)
	return batch
}

func seal(batch []byte) {
	binary.BigEndian.PutUint32(batch[atChecksum:], crc32.Checksum(batch[atAttributes:], castagnoli))
}

// level makes all records of a batch as old as its first one; false if what
// it holds are no records, or more than a reader would take.
func level(batch *[]byte) bool {
	body := (*batch)[batchHeader:]
	codec := compress.Compression(binary.BigEndian.Uint16((*batch)[atAttributes:]) & compressionBits)
	if codec != compress.None {
		var ok bool
		if body, ok = unpack(body, codec); !ok {
			return false
		}
	}
	count := int32(binary.BigEndian.Uint32((*batch)[atCount:]))
	if !kafka.Within(body, count) {
		return false
	}
	changed, ok := levelRecords(body, count)
	if !ok || !changed || codec == compress.None {
		return ok // uncompressed records have been changed where they stand
	}
	packed := bytes.NewBuffer(append([]byte(nil), (*batch)[:batchHeader]...))
	w := codec.Codec().NewWriter(packed)
	_, err := w.Write(body)
	if errors.Join(err, w.Close()) != nil {
		return false
	}
	*batch = packed.Bytes()
	binary.BigEndian.PutUint32((*batch)[atLength:], uint32(len(*batch)-atLength-4))
	return true
}

// unpack decompresses records; false if that fails, or gives too much.
func unpack(packed []byte, codec compress.Compression) ([]byte, bool) {
	if codec.Codec() == nil {
		return nil, false
	}
	r := codec.Codec().NewReader(bytes.NewReader(packed))
	defer func() { _ = r.Close() }() // it only returns buffers to a pool
	body, err := io.ReadAll(io.LimitReader(r, kafka.MaxUnpacked+1))
	return body, err == nil && len(body) <= kafka.MaxUnpacked
}

// levelRecords sets the time of each record, relative to its batch, to zero.
// It keeps the length of the field: a zero may be written with more bytes than
// it needs. It checks on the way that there are as many records as claimed.
func levelRecords(body []byte, count int32) (changed, ok bool) {
	if count < 1 {
		return false, false
	}
	for ; count > 0; count-- {
		size, n := binary.Varint(body)
		if n <= 0 || size < 1 || size > int64(len(body)-n) {
			return changed, false
		}
		record := body[n : n+int(size)]
		body = body[n+int(size):]
		delta, n := binary.Varint(record[1:]) // behind the attributes
		if n <= 0 {
			return changed, false
		}
		if delta != 0 {
			changed = true
			for k := 1; k < n; k++ {
				record[k] = 0x80
			}
			record[n] = 0
		}
	}
	return changed, len(body) == 0
}
