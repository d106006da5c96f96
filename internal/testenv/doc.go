// Package testenv starts the real servers that tests run against: Apache Kafka
// and ClickHouse. Each is installed on first use from public package registries
// and never outlives the test process.
package testenv
