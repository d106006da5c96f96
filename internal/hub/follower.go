package hub

// Follower is given what the streams that it follows get: a node's gateway, or
// its link to another node. Its methods never block, and for one stream they are
// called in order, one at a time. Followers are compared with ==.
type Follower interface {
	// Deliver gives newly applied entries of one stream, ascending and gapless.
	// The entries are shared and never changed.
	Deliver(stream Stream, entries []*Entry)

	// Marked gives read marks of a person that have grown. It is called for each
	// person whose own stream is followed. The map is shared and never changed.
	Marked(admin string, marks map[Stream]uint64)

	// Retained says that a followed stream's floor has moved up.
	Retained(stream Stream, floor uint64)

	// Lost says that the follower gets no more of the stream: follow it again, and
	// fetch what came in between.
	Lost(stream Stream)
}

// Tail is what a stream's owner holds of the stream's newest entries.
type Tail struct {
	// Head is where the stream stands.
	Head Head
	// Entries ascend without a gap to the head. They are shared and never changed.
	Entries []*Entry
	// Whole says that Entries begins right after the place that was asked for, or
	// that there is nothing after it.
	Whole bool
}
