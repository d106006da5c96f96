// What the older back office's page does, with either of the libraries that such
// pages use: both subscriptions, and a loop that reconnects after 1 s, 2 s, … 30 s.
// The same file runs as a plain script in a browser and in Node.
globalThis.openOldPage = function openOldPage({ SockJS, WebSocket, Stomp, StompJs }, options) {
  const { url, library, transports, token, admin, mall, foreign } = options;
  const destinations = {
    user: `/topic/notification/user/${admin}`,
    mall: `/topic/notification/complex/${mall}/user/${admin}`,
    ...foreign,
  };
  const page = { connects: 0, transport: "", messages: [], errors: [], closes: 0, end };
  let delay = 1000;
  let ended = false;
  let close = () => {};

  function openSocket(protocols) {
    if (transports === "ws") {
      page.transport = "ws";
      return new WebSocket(`${url.replace("http", "ws")}/ws`, protocols);
    }
    // Its own patience is some 300 ms: on a busy machine it would go on to the next transport.
    const timeout = 4_000;
    const socket = new SockJS(`${url}/ws`, null, transports ? { transports, timeout } : { timeout });
    page.socket = () => socket.transport;
    return socket;
  }

  function opened(subscribe) {
    delay = 1000;
    page.connects++;
    if (page.socket) page.transport = page.socket();
    for (const [name, destination] of Object.entries(destinations)) {
      subscribe(destination, ({ body, headers }) => {
        const stream = headers["bongsu-stream"].replace("\\c", ":"); // stompjs 2.3.3 leaves headers escaped
        page.messages.push({ at: name, body, stream, seq: Number(headers["bongsu-seq"]) });
      });
    }
  }

  function lost() {
    page.closes++;
    if (ended || options.once) return;
    setTimeout(connect, delay);
    delay = Math.min(2 * delay, 30_000);
  }

  /** As pages did with stompjs 2.3.3: its error callback gets an ERROR, and a text at the end of the connection. */
  function connectOld() {
    const client = Stomp.over(openSocket(["v10.stomp", "v11.stomp"]));
    client.debug = () => {};
    close = () => client.ws.close();
    client.connect(
      { Authorization: `Bearer ${token}` },
      () => opened((destination, got) => client.subscribe(destination, got)),
      (error) => {
        if (typeof error === "string") lost();
        else page.errors.push(error.headers.message);
      },
    );
  }

  /** As pages do with @stomp/stompjs, whose own reconnecting is off. */
  function connectNew() {
    const client = new StompJs.Client({
      webSocketFactory: () => openSocket(StompJs.Versions.default.protocolVersions()),
      connectHeaders: { Authorization: `Bearer ${token}` },
      reconnectDelay: 0,
      onConnect: () => opened((destination, got) => client.subscribe(destination, got)),
      onStompError: (frame) => page.errors.push(frame.headers.message),
      onWebSocketClose: lost,
    });
    close = () => client.forceDisconnect();
    client.activate();
  }

  function connect() {
    if (ended) return;
    if (library === "stompjs") connectOld();
    else connectNew();
  }

  function end() {
    ended = true;
    close();
  }

  connect();
  return page;
};
