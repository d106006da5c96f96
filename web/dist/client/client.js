import { backoffDelay, blamesNode, closeVerdict } from "./backoff.js";
import { fitCursor, mergeCursors } from "./cursor.js";
import { Emitter } from "./emitter.js";
import { asError, BongsuError, SignedOutError } from "./errors.js";
import { MarkFinder } from "./marks.js";
import { Nodes } from "./nodes.js";
import { settings } from "./options.js";
import { Positions } from "./positions.js";
import { readEntry, readGap, readPage, readSession, readUnread } from "./read.js";
import { Rpc } from "./rpc.js";
import { Link } from "./socket.js";
import { refreshDelay, tokenFacts } from "./token.js";
import { watchBrowser } from "./browser.js";
/** A live connection that lasted this long (ms) makes the next failure the first. */
const stableAfter = 5_000;
/** A connection is dead after this many heartbeats of silence. */
const silentBeats = 2.5;
/** How much of the 64 KiB of a first frame the cursor may take. */
const cursorBytes = 48 * 1024;
/** How long (ms) a change of the cursor may stay unsaved. */
const saveEvery = 500;
/** How long (ms) a refused connect waits for the close code that tells why. */
const refusalGrace = 1_000;
/** The longest timer there is. */
const maxTimer = 2 ** 31 - 1;
/**
 * A person's connection to the hub. It connects at once, keeps itself connected
 * until `close` or a code that forbids it, if need be to another node that the hub
 * has named, and resumes where it was: entries come in order within their stream, each once, and what cannot come is told as a gap.
 */
export class Client {
    #set;
    #events;
    #positions = new Positions();
    #nodes;
    #marks;
    #unwatch;
    #state = { name: "connecting", attempt: 0 };
    #unread;
    #person;
    #link;
    #rpc;
    /** Numbers attempts, so that what a given-up one still does is ignored. */
    #turn = 0;
    #attempt = 0;
    #liveSince;
    #retryTimer;
    #attemptTimer;
    #refreshTimer;
    #saveTimer;
    constructor(options) {
        this.#set = settings(options);
        this.#nodes = new Nodes(this.#set.url, this.#set.random);
        // A listener's own failure must not be reported to that listener again.
        this.#events = new Emitter((error) => setTimeout(() => { throw error; }));
        this.#marks = new MarkFinder({
            list: (params) => this.list(params),
            found: (stream, seq) => this.#marked({ [stream]: seq }),
        });
        this.#unwatch = watchBrowser({
            online: () => this.#online(),
            offline: () => this.#offline(),
            visible: () => this.#link?.check(),
            leaving: () => this.#save(),
        });
        void this.#connect();
    }
    get state() {
        return this.#state;
    }
    /** Who the person is; undefined until the first connect. */
    get me() {
        return this.#state.name === "live" ? this.#state.session.me : undefined;
    }
    /** The newest counts; undefined until the first connect. */
    get unreadNow() {
        return this.#unread;
    }
    /** The origin of the node that the socket is on, or goes to next: send HTTP calls there. */
    get origin() {
        return this.#nodes.origin;
    }
    /** Where the person's streams stand, in the hub's order. */
    get streams() {
        return this.#positions.streams;
    }
    stream(name) {
        return this.#positions.stream(name);
    }
    get cursor() {
        return this.#positions.cursor;
    }
    /** Adds a listener and returns what removes it. */
    on(name, listener) {
        return this.#events.on(name, listener);
    }
    /** Fetches a page of the timeline, newest first. */
    async list(params = {}) {
        return readPage(await this.#call("timeline.list", params));
    }
    /** Marks a stream read up to and with `seq`. Resolves to the counts after it. */
    async read(stream, seq) {
        const unread = readUnread(await this.#call("timeline.read", { stream, seq }));
        this.#marked({ [stream]: seq });
        this.#counted(unread);
        return unread;
    }
    /** Marks everything read. Resolves to the counts after it. */
    async readAll() {
        const heads = this.streams.map(({ stream, head }) => [stream, head]);
        const unread = readUnread(await this.#call("timeline.read", { all: true }));
        this.#marked(Object.fromEntries(heads));
        this.#counted(unread);
        return unread;
    }
    /** Asks for the counts. */
    async unread() {
        const unread = readUnread(await this.#call("unread", {}));
        this.#counted(unread);
        return unread;
    }
    /**
     * Gets a new token from the provider and gives it to the hub over the open
     * socket. With it may come other rights: streams are joined and left.
     */
    async refresh() {
        const token = await this.#set.token(this.origin);
        const cursor = fitCursor(this.#positions.left, cursorBytes);
        const session = readSession(await this.#call("refresh", { token, cursor }));
        if (session.nodes)
            this.#nodes.learn(session.nodes);
        this.#planRefresh(token);
        this.#welcomed(session, { ...this.#positions.cursor, ...cursor });
    }
    /** Ends a wait for the next attempt. */
    retryNow() {
        if (this.#state.name === "retrying")
            void this.#connect();
    }
    /** Ends the client for good. */
    close() {
        this.#stop(1000, "closed");
    }
    // Connecting.
    async #connect() {
        clearTimeout(this.#retryTimer);
        const turn = ++this.#turn;
        this.#setState({ name: "connecting", attempt: this.#attempt });
        this.#attemptTimer = setTimeout(() => this.#abandon(turn, "no answer"), this.#set.connectTimeout);
        try {
            const token = await this.#set.token(this.origin);
            if (turn !== this.#turn)
                return;
            this.#become(tokenFacts(token).person);
            this.#open(turn, token);
        }
        catch (thrown) {
            if (turn !== this.#turn)
                return;
            if (thrown instanceof SignedOutError)
                this.#stop(4500, thrown.message);
            else
                this.#lost(turn, 1006, asError(thrown).message);
        }
    }
    #open(turn, token) {
        const rpc = new Rpc((frame) => link.send(frame));
        const link = new Link(this.#set.WebSocket, this.#nodes.current, {
            opened: () => void this.#greet(turn, token),
            frame: (data) => this.#frame(rpc, data),
            lost: (code, why) => this.#lost(turn, code, why),
        });
        this.#rpc = rpc;
        this.#link = link;
    }
    async #greet(turn, token) {
        const { rpc, link } = { rpc: this.#rpc, link: this.#link };
        if (!rpc || !link)
            return;
        const sent = fitCursor(this.#positions.places, cursorBytes);
        try {
            const answer = await rpc.call("connect", { token, cursor: sent }, this.#set.connectTimeout);
            if (turn === this.#turn)
                this.#begin(readSession(answer), sent, token, link);
        }
        catch (thrown) {
            if (turn === this.#turn)
                this.#refused(turn, thrown);
        }
    }
    #begin(session, sent, token, link) {
        clearTimeout(this.#attemptTimer);
        this.#liveSince = Date.now();
        this.#nodes.learn(session.nodes ?? []);
        this.#become(session.me.admin);
        this.#planRefresh(token);
        this.#welcomed(session, sent);
        link.watch(session.heartbeatMs * silentBeats);
    }
    #welcomed(session, sent) {
        if (this.#saveTimer !== undefined)
            this.#save(); // what was seen of streams that are left now
        const { gaps, marks } = this.#positions.connected(session.streams, sent);
        // Versions are compared only while the streams are the same ones.
        this.#unread = {
            ...session.unread,
            streams: Object.fromEntries(session.streams.filter((s) => s.unread > 0).map((s) => [s.stream, s.unread])),
        };
        this.#marks.clear();
        this.#planSave();
        this.#setState({ name: "live", session });
        this.#events.emit("unread", this.#unread);
        if (Object.keys(marks).length > 0)
            this.#events.emit("marks", marks);
        for (const gap of gaps)
            this.#events.emit("gap", gap);
    }
    /** The hub's close code says why better than its answer, so wait for it a moment. */
    #refused(turn, thrown) {
        const error = asError(thrown);
        if (thrown instanceof BongsuError && thrown.temporary) {
            this.#abandon(turn, error.message);
            return;
        }
        this.#attemptTimer = replace(this.#attemptTimer, () => {
            if (turn !== this.#turn)
                return;
            this.#link?.end(1000, "refused");
            this.#stop(4500, error.message);
        }, refusalGrace);
    }
    #abandon(turn, why) {
        if (turn !== this.#turn)
            return;
        if (this.#link)
            this.#link.end(1006, why);
        else
            this.#lost(turn, 1006, why);
    }
    #lost(turn, code, why) {
        if (turn !== this.#turn)
            return;
        this.#turn++;
        this.#release(why || `connection lost (${code})`);
        const verdict = closeVerdict(code);
        if (verdict === "stop") {
            this.#stop(code, why);
            return;
        }
        const lasted = this.#liveSince === undefined ? -1 : Date.now() - this.#liveSince;
        this.#liveSince = undefined;
        // A hub that says "restarting" or "expired" at the very greeting is no reason to hurry.
        if (lasted >= stableAfter || (lasted >= 0 && verdict === "promptly"))
            this.#attempt = 0;
        if (lasted >= stableAfter)
            this.#nodes.lasted();
        const fresh = blamesNode(code) && this.#nodes.leave();
        const attempt = this.#attempt++;
        this.#retryIn(backoffDelay(fresh ? 0 : attempt, this.#set.backoff, this.#set.random), why);
    }
    #retryIn(delay, why) {
        const offline = typeof navigator !== "undefined" && "onLine" in navigator && !navigator.onLine;
        this.#retryTimer = replace(this.#retryTimer, () => void this.#connect(), delay);
        this.#setState({ name: "retrying", attempt: this.#attempt, at: Date.now() + delay, offline, why });
    }
    /** Lets go of the connection and all that waits for it. */
    #release(why) {
        for (const timer of [this.#attemptTimer, this.#refreshTimer, this.#retryTimer])
            clearTimeout(timer);
        const rpc = this.#rpc;
        this.#link = this.#rpc = undefined;
        this.#marks.clear();
        rpc?.fail(why);
    }
    #stop(code, why) {
        if (this.#state.name === "closed")
            return;
        this.#turn++;
        this.#unwatch();
        this.#save();
        const link = this.#link;
        this.#release("closed");
        link?.end(1000, "bye");
        this.#setState({ name: "closed", code, why });
    }
    // What the hub sends.
    #frame(rpc, data) {
        try {
            const push = rpc.receive(data);
            if (push)
                this.#pushed(push);
        }
        catch (thrown) {
            this.#events.emit("warning", asError(thrown));
        }
    }
    #pushed({ method, params }) {
        switch (method) {
            case "entry":
                this.#entry(params);
                break;
            case "unread":
                this.#counted(readUnread(params));
                break;
            case "gap":
                this.#gap(readGap(params));
                break;
            // Heartbeats are heard by being received; anything else is of a newer hub.
        }
    }
    #entry(params) {
        const entry = readEntry(params);
        const { fresh, gap } = this.#positions.entry(entry.stream, entry.seq);
        if (!fresh)
            return;
        this.#planSave();
        if (gap)
            this.#events.emit("gap", gap);
        this.#events.emit("entry", entry);
    }
    #gap(gap) {
        this.#positions.gap(gap);
        if (gap.reason === "reset" && this.#unread)
            this.#unread = { ...this.#unread, version: 0 }; // versions begin anew
        this.#planSave();
        this.#events.emit("gap", gap);
    }
    #counted(unread) {
        if (this.#unread && unread.version < this.#unread.version)
            return;
        this.#unread = unread;
        this.#marks.look(this.#positions.unread(unread));
        this.#events.emit("unread", unread);
    }
    #marked(marks) {
        const news = {};
        for (const [stream, seq] of Object.entries(marks)) {
            if (this.#positions.marked(stream, seq))
                news[stream] = this.#positions.stream(stream)?.read ?? seq;
        }
        if (Object.keys(news).length > 0)
            this.#events.emit("marks", news);
    }
    // Calls, token, cursor.
    #call(method, params) {
        if (this.#state.name !== "live" || !this.#rpc) {
            return Promise.reject(new BongsuError(`${method}: not connected`, 0, true));
        }
        return this.#rpc.call(method, params, this.#set.callTimeout);
    }
    #planRefresh(token) {
        clearTimeout(this.#refreshTimer);
        const { expires } = tokenFacts(token);
        // A token that has all but run out was not renewed: the hub will say 4003.
        if (expires === undefined || expires - Date.now() < 1_000)
            return;
        const delay = refreshDelay(expires, Date.now(), this.#set.random);
        this.#refreshTimer = setTimeout(() => {
            this.refresh().catch((thrown) => {
                this.#events.emit("warning", asError(thrown));
                if (this.#state.name === "live")
                    this.#planRefresh(token);
            });
        }, Math.min(delay, maxTimer));
    }
    /** Takes up the person's stored cursor, unless it is the same person still. */
    #become(person) {
        if (person === undefined || person === this.#person)
            return;
        // Until now the token did not say who it is: keep what has been seen since.
        const own = this.#person === undefined ? this.cursor : {};
        this.#person = person;
        this.#positions.start({ ...this.#set.cursorStore.load(person), ...own });
    }
    #planSave() {
        this.#saveTimer ??= setTimeout(() => this.#save(), saveEvery);
    }
    #save() {
        clearTimeout(this.#saveTimer);
        this.#saveTimer = undefined;
        if (this.#person === undefined)
            return;
        const { cursorStore } = this.#set;
        const { cursor, reset } = this.#positions;
        if (Object.keys(cursor).length === 0)
            return;
        cursorStore.save(this.#person, mergeCursors(cursorStore.load(this.#person), cursor, reset));
        reset.clear();
    }
    // What the browser says.
    #online() {
        if (this.#state.name === "retrying")
            this.#retryIn(this.#set.random() * 1_000, "online");
        if (this.#state.name !== "live")
            return;
        // The old connection may be dead without anybody knowing: ask.
        const turn = this.#turn;
        this.unread().catch(() => this.#abandon(turn, "no answer after coming online"));
    }
    #offline() {
        if (this.#state.name === "retrying")
            this.#setState({ ...this.#state, offline: true });
    }
    #setState(state) {
        this.#state = state;
        this.#events.emit("state", state);
    }
}
function replace(timer, run, delay) {
    clearTimeout(timer);
    return setTimeout(run, delay);
}
/** Connects to a hub. Throws a BongsuError at once when the options are wrong. */
export function connect(options) {
    return new Client(options);
}
