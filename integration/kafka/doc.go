// Package kafka tries the whole product on a real Apache Kafka:
//
//	task kafka
//	task kafka BROKERS=3 RUNS=5
//
// The script kafka.sh starts one to three brokers on 127.0.0.1 and ends them
// again; its head says how, and what it needs. The tests are behind the build
// tag kafka and fail, rather than skip, where UNDERSTUDY_KAFKA names no broker:
//
//	integration/kafka/kafka.sh run -- go test -tags kafka -count=1 -v ./integration/kafka
//	UNDERSTUDY_KAFKA=10.0.0.5:9092 go test -tags kafka -count=1 -v ./integration/kafka
//
// They check that
//
//   - the log keeps its contract (package logtest), and its times are the
//     broker's, whatever a producer claims;
//   - topics are created as they must be, and a setting that is not is found;
//   - a landscape of three servers runs on it: a route from the command line is
//     confirmed by the router and seen by every server;
//   - the drills kill, pause and switchover lose nothing, double nothing, mix up
//     no order, and hear nothing from an old primary. Their figures are printed.
//
// Each run makes topics of its own and leaves them on the brokers. Where the
// brokers are not those of kafka.sh, remove them: kafka-topics.sh --delete
// --topic 'understudy\.rehearsal-.*'.
package kafka
