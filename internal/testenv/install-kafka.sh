#!/bin/sh
# Installs Apache Kafka's jars from Maven Central into a cache directory and
# prints the directory that holds them. It does nothing if they are there already.
# Needs mvn and a Java runtime.
#
#   install-kafka.sh [cache directory]
set -eu

version=4.3.0
here=$(cd "$(dirname "$0")" && pwd)
cache=${1:-${BONGSU_CACHE:-$here/../../.cache}}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
libs=$cache/kafka-$version

if [ ! -f "$libs/.complete" ]; then
  # One installation at a time; a second caller waits, and then finds it done.
  exec 9>"$cache/kafka.lock"
  flock 9
fi
if [ ! -f "$libs/.complete" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cat >"$work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>bongsu.testenv</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>$version</version>
    </dependency>
  </dependencies>
</project>
POM
  mvn -q -B -f "$work/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$libs" >&2
  touch "$libs/.complete"
fi
echo "$libs"
