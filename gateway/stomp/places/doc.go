// Package places remembers, for all nodes of a cluster, how far the STOMP sessions
// of persons have come. Older pages keep no cursor: when one comes back within
// Grace after its session has ended, at whichever node and for whatever reason,
// its new session goes on where the old one was.
//
// The nodes tell each other through a small topic, TopicName, of one partition and
// short retention. A node writes one record at once when sessions begin or end, and
// one a second with the places of its open sessions that have moved; every session
// is named at least every half minute, and a node with sessions is never silent for
// longer than a second. Every node reads the topic, from the last two minutes on
// when it starts, and keeps what it needs in a bounded table. How old something is
// follows from when the broker appended it, for the nodes' clocks may differ: a node
// that starts writes a record first, to know the broker's time, and another every half
// minute. If that clock is set, or another broker leads, what is known moves with it.
//
// What a session goes on from is told with the session, when that is open: its node
// may be killed before.
//
// A session whose node stops properly is told where it ended. One whose node was
// killed counts as ended where the node had said last: its page may be given a
// second or two of entries again, which is better than missing them.
//
// An open session may be dead without its node having noticed, and its page be back
// already. So a new session goes on from where the clients of the open ones have
// surely got, too. For a second page of a person that is a second or so ago at most.
//
// A new session goes on from the lowest seq of each stream over all of the person's
// places, and uses one of them up: that of the session that ended last; or else of
// an open one that looks dead, because its client, or its node, has not answered for
// seconds; or else of the one that may be the likeliest to be dead. A client that
// answers, or is heard of some seconds later, makes its session's place good again.
// So a page that is left for the next one is not given again what the one before has
// had, and of several pages that come back none misses anything; but the place of a
// page that is on its way back goes to a further page of the person that is opened
// before. A session that begins at a cursor of its page's own uses up a place, too.
package places
