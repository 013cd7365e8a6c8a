// The goproducer sends one command and waits for what becomes of it, with
// nothing but a Kafka client. It knows none of Understudy's packages: copy it.
//
//	go run ./integration/examples/goproducer 127.0.0.1:17500 main videohub-1 5 12
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/vmihailenco/msgpack/v5"
)

// take is the value of crosspoint.take.v1. Ports count from 1.
type take struct {
	Destination int `json:"destination"`
	Source      int `json:"source"`
}

// outcome is what we need of action.outcome.v1 and command.answer.v1.
type outcome struct {
	UID     string `msgpack:"uid"`
	Outcome string `msgpack:"outcome"`
	Reason  string `msgpack:"reason"`
	Detail  string `msgpack:"detail"`
}

// err is nil if it was done: whoever only looks at how a program ends has to learn of a
// refusal too.
func (o outcome) err() error {
	if o.Outcome != "confirmed" {
		return fmt.Errorf("it was not done, or nobody knows: %s", o.Outcome)
	}
	return nil
}

// command makes the message. To try again, send this very message again: the
// same ce_id and ce_time make a repeat of it, whatever became of the first one.
func command(device string, wish take) (kafka.Message, error) {
	value, err := json.Marshal(wish)
	header := func(key, value string) kafka.Header { return kafka.Header{Key: key, Value: []byte(value)} }
	return kafka.Message{Key: []byte(device), Value: value, Headers: []kafka.Header{
		header("ce_specversion", "1.0"),
		header("ce_id", rand.Text()),
		header("ce_source", "/script/evening"),
		header("ce_type", "crosspoint.take.v1"),
		header("ce_time", time.Now().UTC().Format(time.RFC3339Nano)),
		header("ce_subject", device),
		header("content-type", "application/json"),
	}}, err
}

// send appends a command and waits for its outcome, which is in the partition
// of the command, behind it.
func send(ctx context.Context, broker, topic string, m kafka.Message) (outcome, error) {
	partitions, err := kafka.DefaultDialer.LookupPartitions(ctx, "tcp", broker, topic)
	if err != nil {
		return outcome{}, fmt.Errorf("find the partitions of %s: %w", topic, err)
	}
	numbers := make([]int, len(partitions))
	for i := range numbers {
		numbers[i] = i
	}
	hash := kafka.Murmur2Balancer{} // kafka-go's own default is another one
	partition := hash.Balance(m, numbers...)

	log, err := kafka.DialLeader(ctx, "tcp", broker, topic, partition)
	if err != nil {
		return outcome{}, fmt.Errorf("reach the log: %w", err)
	}
	end, err := log.ReadLastOffset()
	if err = errors.Join(err, log.Close()); err != nil {
		return outcome{}, fmt.Errorf("find the end of the log: %w", err)
	}
	writer := &kafka.Writer{
		Addr: kafka.TCP(broker), Topic: topic, Balancer: hash,
		RequiredAcks: kafka.RequireAll, // the default waits for nobody
		BatchTimeout: time.Millisecond, // the default waits a second for company
		WriteTimeout: 5 * time.Second,  // its own retries repeat the same UID
	}
	if err := errors.Join(writer.WriteMessages(ctx, m), writer.Close()); err != nil {
		return outcome{}, fmt.Errorf("append, which may have happened all the same; try again with the same message: %w", err)
	}
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{broker}, Topic: topic, Partition: partition,
		MaxWait: 200 * time.Millisecond, // the default is 10 s, and Close waits for it
	})
	defer func() { _ = reader.Close() }()
	if err := reader.SetOffset(end); err != nil {
		return outcome{}, err
	}
	return await(ctx, reader, uid(m))
}

// await reads until the UID has an outcome, or an answer if it was there before.
func await(ctx context.Context, reader *kafka.Reader, uid string) (outcome, error) {
	highest := uint64(0) // what an older primary wrote too late counts for nobody
	for {
		m, err := reader.ReadMessage(ctx)
		if err != nil {
			return outcome{}, fmt.Errorf("no outcome of %s yet; ask again, or send it again: %w", uid, err)
		}
		epoch, _ := strconv.ParseUint(header(m, "ce_epoch"), 10, 64)
		kind := header(m, "ce_type")
		if kind == "epoch.opened.v1" {
			highest = max(highest, epoch)
		}
		if kind != "action.outcome.v1" && kind != "command.answer.v1" || epoch < highest {
			continue
		}
		var o outcome
		if err := msgpack.Unmarshal(m.Value, &o); err == nil && o.UID == uid {
			return o, nil
		}
	}
}

func uid(m kafka.Message) string { return header(m, "ce_id") }

func header(m kafka.Message, key string) string {
	for _, h := range m.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: goproducer BROKER LANDSCAPE DEVICE DESTINATION SOURCE")
		os.Exit(2)
	}
	destination, err1 := strconv.Atoi(os.Args[4])
	source, err2 := strconv.Atoi(os.Args[5])
	m, err := command(os.Args[3], take{Destination: destination, Source: source})
	if err = errors.Join(err1, err2, err); err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		var o outcome
		if o, err = send(ctx, os.Args[1], "understudy."+os.Args[2]+".log", m); err == nil {
			fmt.Println(o.UID, o.Outcome, o.Reason, o.Detail)
			err = o.err()
		}
	}
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
