// Package stomp serves the pages of the older notification servers: STOMP 1.0, 1.1
// and 1.2 over WebSocket, and over whatever else carries text messages.
//
// A Session speaks STOMP for one session of the gateway: Receive takes what the
// client says, and as the gateway's Protocol it says how things are written; a
// Carrier frames both for its transport. A person's page subscribes to
//
//	/topic/notification/user/{admin}
//	/topic/notification/complex/{mall}/user/{admin}
//
// and gets MESSAGE frames with the older servers' body (package legacy) and the
// headers bongsu-stream and bongsu-seq. Nothing can be sent to it: SEND,
// transactions and foreign destinations are answered with ERROR and the end of
// the connection, as are frames beyond the limits. ACK and NACK mean nothing.
//
// # Resuming
//
// CONNECT may carry a header cursor, in the text form that CONNECTED's header cursor
// has: subscriptions made soon after begin behind it. Older pages know nothing of
// it. For them Places remembers how far the sessions of a person have come; the
// person's next session goes on from the least of that, for each stream. Of two
// pages of a person the one that comes back first may therefore be given again what
// it has had; nothing is left out, unless it is more than the gateway sends a
// resuming client. Gaps, which older pages have no word for, are not told.
//
// Over WebSocket the server pings behind what it writes, at most once a second, and
// browsers answer without their page: so it is known what has surely arrived. A
// connection that breaks counts as ended there, and so does one that is dead while
// the server has not noticed: a page that comes back in the meantime goes on from it.
// A Carrier without pings has its own evidence, or none: then a session of a client
// that fell silent, or reads too slowly, counts as ended where it stood before the
// silence, under steady traffic at most two minutes and a half ago. What a page had
// not subscribed to when its connection broke soon after CONNECTED counts as not sent.
package stomp
