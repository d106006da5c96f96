package catchup

import "time"

// How a node asks again where a stream stands, while the answer is not certain.
const (
	// HopeFor is how long it asks before a session is told: a node that was stopped or
	// cut off soon learns who owns the stream now. After that the answer has to do, as
	// while Kafka is away.
	HopeFor = 1500 * time.Millisecond
	// HopePause is the longest wait before it asks again, HopeAgain how often who waits
	// looks whether a better answer has come.
	HopePause = 250 * time.Millisecond
	HopeAgain = 50 * time.Millisecond

	// ReadWithin is how long it asks before a Reading is certain: an owner that was
	// stopped has to hear of its group first, and then to be certain for a while.
	ReadWithin = 4 * time.Second
	// ReadAgain is how long after each answer it asks again, ReadAsk how long one answer
	// may take.
	ReadAgain = 100 * time.Millisecond
	ReadAsk   = 500 * time.Millisecond
)
