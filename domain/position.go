package domain

import (
	"fmt"
	"strconv"
	"strings"
)

// Position is a place in a topic: partition and offset.
type Position struct {
	Partition int32 `msgpack:"p" json:"partition"`
	Offset    int64 `msgpack:"o" json:"offset"`
}

// String gives the form that people read and type: "3:81234".
func (p Position) String() string { return fmt.Sprintf("%d:%d", p.Partition, p.Offset) }

// ParsePosition reads the form that String writes.
func ParsePosition(s string) (Position, error) {
	part, off, ok := strings.Cut(s, ":")
	if !ok {
		return Position{}, fmt.Errorf("position %q: write it as partition:offset, for example 3:81234", s)
	}
	p, err1 := strconv.ParseInt(part, 10, 32)
	o, err2 := strconv.ParseInt(off, 10, 64)
	if err1 != nil || err2 != nil || p < 0 || o < 0 {
		return Position{}, fmt.Errorf("position %q: partition and offset must be whole numbers from 0", s)
	}
	return Position{Partition: int32(p), Offset: o}, nil
}

// TopicKind says which of a landscape's topics is meant.
type TopicKind uint8

// The topics of a landscape.
const (
	TopicLog TopicKind = iota
	TopicControl
	TopicElections
	TopicDeadLetter
	TopicProbe // records that measure the log's own speed; nobody folds them
)

var topicSuffix = [...]string{"log", "control", "elections", "deadletter", "probe"}

func (k TopicKind) String() string { return topicSuffix[k] }

// Topic is the name of a landscape's topic: "understudy.<landscape>.<kind>".
func Topic(landscape string, kind TopicKind) string {
	return "understudy." + landscape + "." + kind.String()
}

// Partition is the partition that owns a device: Kafka's default murmur2
// partitioner over the device id, so that every client that uses it agrees.
func Partition(device string, partitions int32) int32 {
	return int32(murmur2([]byte(device))&0x7fffffff) % partitions
}

// murmur2 is the hash of Kafka's Java producer, seed 0x9747b28c.
func murmur2(data []byte) uint32 {
	const (
		seed = 0x9747b28c
		m    = 0x5bd1e995
		r    = 24
	)
	h := seed ^ uint32(len(data))
	for len(data) >= 4 {
		k := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		k *= m
		k ^= k >> r
		k *= m
		h *= m
		h ^= k
		data = data[4:]
	}
	switch len(data) {
	case 3:
		h ^= uint32(data[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(data[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(data[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return h
}
