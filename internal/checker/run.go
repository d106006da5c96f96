package checker

// Run is everything that was observed of one run, once it has come to rest:
// nothing is being published and every session has received what there is.
type Run struct {
	// Published holds every event that was tried, each once, however often its
	// publisher repeated it under the same id.
	Published []Event
	// People holds what each person received.
	People []Person
	// Timelines holds, per stream, the whole timeline as it reads at the end,
	// newest first. A stream that is not in the map was not read: it is judged by
	// what people received alone.
	Timelines map[string][]Listed
	// GapsAllowed says that the run may make people fall too far behind. Without
	// it an announced gap is a violation too.
	GapsAllowed bool
}

// Event is one event as its publisher knows it.
type Event struct {
	ID      string
	Targets []string
	// Acknowledged says that a publisher was told of success at least once. An
	// event that was not acknowledged may appear or not, but at most once.
	Acknowledged bool
	// Source and Place say where the event was acknowledged, such as the
	// partition and the offset in it, when its first try succeeded. Events of one
	// Source reach a stream in the order of Place. An empty Source makes no claim.
	Source string
	Place  int64
}

// Person is what one person received, over all sessions, in arrival order.
type Person struct {
	Name  string
	Steps []Step
	// Unread is the person's unread count as asked for at the end, and UnreadList
	// the unread entries as listed at the same moment. They are compared when
	// Unread is not nil.
	Unread     *Unread
	UnreadList []Listed
}

// StepKind says what a Step is.
type StepKind uint8

// The kinds of step.
const (
	// Joined is a session's statement of where a stream stands: Seq is its head.
	// The first one of a stream is where the person's entries of it begin.
	Joined StepKind = iota + 1
	// Received is one pushed entry: Stream, Seq and ID.
	Received
	// Announced is a gap that the server told of: From to To will not be pushed.
	Announced
)

// Step is one thing that a session was told.
type Step struct {
	Kind     StepKind
	Stream   string
	Seq      uint64
	ID       string
	From, To uint64
}

// Listed is one entry of a timeline page.
type Listed struct {
	Stream string
	Seq    uint64
	ID     string
	Read   bool
}

// Unread is an answer about unread entries.
type Unread struct {
	Total   uint64
	Streams map[string]uint64
}
