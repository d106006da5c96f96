#!/bin/sh
# Installs producers that domain services publish to Kafka with into a cache
# directory and prints the directory that is their root:
#
#   java/*.jar    kafka-clients, Spring Kafka and Apache's console producer
#   python/       confluent_kafka, which is librdkafka
#   usr/bin/kcat  and its libraries
#
# It installs nothing in the system and does nothing if they are there already.
# Needs mvn, a Java runtime, python3 with pip, apt-get and dpkg.
#
#   install-producers.sh [cache directory]
set -eu

kafka=4.3.0
spring=4.0.0
confluent=2.16.1
here=$(cd "$(dirname "$0")" && pwd)
cache=${1:-${BONGSU_CACHE:-$here/../../.cache}}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
root=$cache/producers-$kafka-$spring-$confluent

if [ ! -f "$root/.complete" ]; then
  # One installation at a time; a second caller waits, and then finds it done.
  exec 9>"$cache/producers.lock"
  flock 9
fi
if [ ! -f "$root/.complete" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cat >"$work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>bongsu.testenv</groupId>
  <artifactId>producers</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-clients</artifactId>
      <version>$kafka</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId>
      <version>$kafka</version>
    </dependency>
    <dependency>
      <groupId>org.springframework.kafka</groupId>
      <artifactId>spring-kafka</artifactId>
      <version>$spring</version>
    </dependency>
  </dependencies>
</project>
POM
  mvn -q -B -f "$work/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$root/java" >&2

  python3 -m pip install -q --no-deps --upgrade --target "$root/python" "confluent-kafka==$confluent" >&2

  if ! apt-cache show kcat >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get -q update >&2
  fi
  mkdir "$work/packages"
  # What a real installation would add to this system, and kcat and its library even if it has them.
  names=$(apt-get -s -o Debug::NoLocking=1 --no-install-recommends install kcat | awk '$1 == "Inst" {print $2}')
  cd "$work/packages"
  # shellcheck disable=SC2086 # names are words
  apt-get -q download $names kcat librdkafka1 >&2
  for package in *.deb; do
    dpkg -x "$package" "$root"
  done
  touch "$root/.complete"
fi
echo "$root"
