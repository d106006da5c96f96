// Package e2e holds the acceptance suite, the crash test and the outage tests.
// They know only the contract with the outside: they start the real binary as a
// child process, talk to it over Kafka, HTTP, WebSocket and SSE, and judge what
// they saw with package checker.
//
// The tests have the build tag e2e. What they run on is chosen with -parts:
//
//	embedded  the embedded broker and SQLite
//	classic   Apache Kafka and ClickHouse 18.16 over its native protocol
//	current   Apache Kafka and a current ClickHouse engine over HTTP
//	all       these three, one after the other
//	kafka     Apache Kafka and SQLite, for what concerns Kafka alone
//
// TestCompat, of older producers, has two nodes on classic parts and a Redis
// whatever -parts says.
package e2e
