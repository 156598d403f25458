// A packet-shaped link in this process: it needs no root and no kernel module. netem, which would do the same below TCP, is
// missing from many kernels. All connections share the link. Each direction has its rate and half of the round trip; a new
// connection waits one round trip for its handshake and starts with a window of ten packets, which grows by what is
// acknowledged. Nothing is lost, and names resolve at once.
import { createServer } from "node:net";
import { Duplex } from "node:stream";

/** Lighthouse's slow 4G, in bits per second and milliseconds. */
export const LINK = { down: 1.6e6, up: 0.75e6, one_way_ms: 75 };
export const LINK_WORDS = "userspace packet shaper (no netem): 1.6 Mbit/s down, 0.75 up, 75 ms each way, one link for all connections";

const PAYLOAD = 1460;
const HEADERS = 40;
const WINDOW = 10 * PAYLOAD;

/** Listens on a port whose connections cross the link, and hands each to `server` as the stream that comes out at the other end. */
export async function openLink(server) {
  const [down, up] = [new Lane(LINK.down), new Lane(LINK.up)];
  const front = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const opens = performance.now() + 2 * LINK.one_way_ms;
    const answers = down.flow((bytes) => (bytes ? socket.write(bytes) : socket.end()));
    const far = new Duplex({
      // So that the server decides what goes next as late as one with a small send buffer does.
      writableHighWaterMark: 4 * PAYLOAD,
      read() {},
      write: (bytes, _, done) => answers.send(bytes, done),
      final: (done) => answers.send(null, done),
    });
    const asks = up.flow((bytes) => far.push(bytes), opens);
    socket.on("data", (bytes) => asks.send(bytes));
    socket.on("end", () => asks.send(null));
    // A page that is closed resets its connections.
    socket.on("error", () => far.destroy());
    far.on("error", () => socket.destroy());
    server.emit("connection", far);
  });
  await new Promise((resolve) => front.listen(0, "127.0.0.1", resolve));
  return { port: front.address().port, close: () => new Promise((resolve) => front.close(resolve)) };
}

/** One direction: the packets of all connections in turn. */
class Lane {
  #rate;
  /** Flows with something to send, in the order of their turns. */
  #waiting = new Set();
  /** What happens later, by time. */
  #later = [];
  #free = 0;
  #idle = true;
  #timer;

  constructor(rate) {
    this.#rate = rate;
  }

  /** A connection, from `opens` on. `deliver` gets its packets in their order, and null when it ends. */
  flow(deliver, opens = 0) {
    const flow = { queue: [], deliver, opens, window: WINDOW, flying: 0 };
    return {
      /** Takes bytes, or null to end; `done` is called when the last of them is on the link. */
      send: (bytes, done) => {
        flow.queue.push({ bytes, done });
        this.#waiting.add(flow);
        this.#run();
      },
    };
  }

  #run() {
    const now = performance.now();
    while (this.#later[0]?.at <= now) this.#later.shift().act();
    while (this.#free <= now) {
      const flow = [...this.#waiting].find(({ opens, flying, window }) => opens <= now && flying < window);
      if (!flow) {
        this.#idle = true;
        break;
      }
      this.#send(flow, now);
    }
    clearTimeout(this.#timer);
    const next = Math.min(this.#later[0]?.at ?? Infinity, ...(this.#idle ? [...this.#waiting].map(({ opens }) => opens).filter((at) => at > now) : [this.#free]));
    if (next < Infinity) this.#timer = setTimeout(() => this.#run(), Math.max(0, next - now));
  }

  #send(flow, now) {
    const [head] = flow.queue;
    const packet = head.bytes?.subarray(0, PAYLOAD) ?? null;
    const size = packet?.length ?? 0;
    const whole = size === (head.bytes?.length ?? 0);
    if (whole) flow.queue.shift();
    else head.bytes = head.bytes.subarray(size);
    this.#waiting.delete(flow);
    if (flow.queue.length) this.#waiting.add(flow);
    // A busy link goes on from when it was free: else every late timer would slow it.
    this.#free = (this.#idle ? now : this.#free) + ((size + HEADERS) * 8000) / this.#rate;
    this.#idle = false;
    flow.flying += size;
    this.#at(this.#free + LINK.one_way_ms, () => flow.deliver(packet));
    this.#at(this.#free + 2 * LINK.one_way_ms, () => ((flow.flying -= size), (flow.window += size)));
    if (whole && head.done) this.#at(this.#free, head.done);
  }

  #at(at, act) {
    let i = this.#later.length;
    while (i > 0 && this.#later[i - 1].at > at) i--;
    this.#later.splice(i, 0, { at, act });
  }
}
