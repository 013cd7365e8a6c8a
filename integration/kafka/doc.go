// Package kafka tries the whole product on real Apache Kafka:
//
//	task integration                 on one broker and on three, in containers
//	task kafka BROKERS=3 RUNS=20     on brokers without containers, with figures
//	task six                         six servers alone, on three of those
//
// The tests are behind the build tag integration. By themselves they run
// brokers in containers (testcontainers-go): one, and then three, each started
// once, each with a listener in clear text and one with TLS and
// SASL/SCRAM-SHA-512, whose certificates and users the test makes. The script
// image.sh sees to the image; its head says how, and what it needs. Where it
// cannot, the tests fail: they are never skipped.
//
// Where UNDERSTUDY_KAFKA names brokers, the tests run on those, in clear text:
//
//	integration/kafka/kafka.sh run -- go test -tags integration -count=1 -v ./integration/kafka
//	UNDERSTUDY_KAFKA=10.0.0.5:9092 go test -tags integration -count=1 -v ./integration/kafka
//
// They check that
//
//   - the log keeps its contract (package logtest), and its times are the
//     broker's, whatever a producer claims; publisher and subscriber keep
//     Watermill's;
//   - every wrong set-up is refused, by the check and by a server that starts,
//     and what the message says mends it;
//   - the permissions that docs/kafka.md lists are enough, and not more;
//   - a broker that is too old is refused: a real one of 2019, whose jars Maven
//     fetches (old/pom.xml);
//   - the drills kill, pause and switchover lose nothing, double nothing, mix up
//     no order, and hear nothing from an old primary. Their figures are printed;
//   - a server that has nothing starts from a view when control has been cut;
//   - on three brokers, the tests of the main job (integration/cluster) pass as
//     they are.
//
// Each test makes topics of its own, understudy.rehearsal-…, and deletes them. A
// run that is killed leaves its containers: docker ps names them.
package kafka
