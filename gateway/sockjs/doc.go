// Package sockjs carries STOMP for pages whose sockjs-client cannot use, or does
// not want, a plain WebSocket. Below the path of the plain one it serves:
//
//	/info                                   what there is
//	/<server>/<session>/websocket           SockJS's framing over WebSocket
//	/<server>/<session>/xhr_streaming       one long answer after the other
//	/<server>/<session>/eventsource         the same as server-sent events
//	/<server>/<session>/xhr                 long polling
//	/<server>/<session>/xhr_send            what the client says over the last three
//	/websocket                              no framing: plain WebSocket
//	/iframe….html                           for pages of other origins in old browsers
//
// The framing is our own. The libraries that exist push: a session's messages go
// into a queue without a limit, each answer costs several goroutines, what clients
// send is not bounded, and not all characters are escaped that browsers mangle. Here
// a session is a net.Conn whose other end is whichever answer is open: the gateway
// writes to it as to a socket, a full one blocks, and the gateway's rules for slow
// clients and for leaving apply. A session costs no goroutine besides its answer's.
//
// A client that has sent a heart-beat and then neither sends nor asks for anything
// for two and a half heart-beats of the gateway is closed as silent. One that
// has sent none has to ask for a new answer once a minute, and is gone when it has
// had none open for 5 s: a dead client's connection takes frames for long.
//
// Over WebSocket clients answer pings. Over HTTP nothing is answered, and pages that
// are left say no goodbye; what a client has got is taken from what it does:
//
//   - asking for another answer proves all that the ones before carried, because
//     clients ask when they have read one to its end;
//   - a request that says something, and the end of an answer's connection on the
//     client's side, prove what was written 3 s before or more. The end of a
//     connection of which the client should have beaten in the last 30 s, and has
//     not, proves nothing, nor does an answer that cannot be written.
//
// STOMP's questions, which stand between the frames that wait and are not sent to
// clients, are answered by that. A session whose page is left ends where that is
// proven: because a question follows within two seconds, the next page is given again
// what was written in the last 3 to 5 s, and nothing after 5 s of quiet.
//
// What waits in sessions is bounded, for each and for the node. A session that would
// go beyond the node's bound is closed as slow.
//
// A session lives on one node. A balancer in front of several must send all requests
// below /<server>/<session> to the same node, by that part of the path. At another
// node xhr_send answers 404, and the other requests begin a new session, whose open
// frame the client does not expect: either makes it start over, and the STOMP
// session it then opens goes on where the last one was.
package sockjs
