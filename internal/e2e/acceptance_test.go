//go:build e2e

package e2e

import (
	"strconv"
	"testing"
)

// suite is one running server and what the tests of the contract share: they
// run one after the other, each with people and malls of its own, so that what
// one leaves behind does not disturb the next.
type suite struct {
	*server
	parts *parts
	kafka *producer
	last  int
}

// fresh returns a number that no other test uses.
func (s *suite) fresh() string {
	s.last++
	return strconv.Itoa(7000 + s.last)
}

// restart ends the server as kill -9 does, or by SIGTERM, and starts it again.
func (s *suite) restart(t *testing.T, graceful bool) {
	t.Helper()
	s.kafka.close()
	if graceful {
		s.terminate(t)
		s.exit(t, patience)
	} else {
		s.kill()
	}
	s.up(t)
	kafka, err := newProducer(s.server.kafka)
	if err != nil {
		t.Fatal(err)
	}
	s.kafka = kafka
}

// TestAcceptance is the contract with the outside, on each set of parts.
func TestAcceptance(t *testing.T) {
	onEachParts(t, func(t *testing.T, p *parts) {
		s := &suite{server: newServer(t, p), parts: p}
		s.up(t)
		kafka, err := newProducer(s.server.kafka)
		if err != nil {
			t.Fatal(err)
		}
		s.kafka = kafka
		t.Cleanup(func() { s.kafka.close() })

		t.Run("health", s.testHealth)
		t.Run("me", s.testMe)
		t.Run("openapi", s.testOpenAPI)
		t.Run("cluster", s.testCluster)

		t.Run("every way in reaches the right people", s.testWaysIn)
		t.Run("an event passes through unchanged", s.testEventUnchanged)
		t.Run("metrics", s.testMetrics)
		t.Run("known types have defaults", s.testKnownTypes)
		t.Run("an id is made", s.testMadeID)
		t.Run("a duplicate is shown once", s.testDuplicate)
		t.Run("order is kept", s.testOrder)
		t.Run("ten thousand targets", s.testManyTargets)
		t.Run("an expired event stays in the timeline", s.testExpired)
		t.Run("publishing over HTTP", s.testPublishHTTP)
		t.Run("malformed records go to the dead-letter topic", s.testDeadLetters)

		t.Run("timelines merge and page", s.testPaging)
		t.Run("timelines filter", s.testFilters)
		t.Run("a timeline refuses nonsense", s.testBadQueries)
		t.Run("read marks", s.testReadMarks)
		t.Run("all read reaches other sessions", s.testAllRead)
		t.Run("first seen", s.testFirstSeen)
		t.Run("calls over the socket", s.testSocketCalls)

		t.Run("resume", s.testResume)
		t.Run("resume of a stream the cursor does not name", s.testResumeUnnamed)
		t.Run("a last event id beats the query", s.testLastEventID)
		t.Run("too far behind", s.testBehind)
		t.Run("beyond the head", s.testReset)
		t.Run("resume after a restart", s.testResumeAfterRestart)

		t.Run("refused tokens", s.testRefusedTokens)
		t.Run("foreign streams", s.testForeignStreams)
		t.Run("foreign origins", s.testForeignOrigins)
		t.Run("subprotocols", s.testSubprotocols)
		t.Run("malformed calls", s.testMalformedCalls)
		t.Run("an oversize frame", s.testOversize)
		t.Run("a flood", s.testFlood)
		t.Run("the first call", s.testFirstCall)
		t.Run("too many sessions", s.testTooManySessions)
		t.Run("expiry and refresh", s.testExpiryAndRefresh)
		t.Run("heartbeats", s.testHeartbeats)

		t.Run("graceful stop", s.testGracefulStop)
	})
}
