import { signal } from "@preact/signals";
import type { Tone } from "./tunes.ts";

/** Least time (ms) between two tunes: a burst is one event to the ear. */
const rest = 1_200;

/**
 * Plays tunes, made by the browser itself. Browsers allow sound only once the
 * page has been used; `blocked` tells that a tune could not be heard for that.
 */
export class Player {
  readonly blocked = signal(false);
  #context: AudioContext | undefined;
  #last = -Infinity;

  /** Waits for the first use of the page. */
  constructor() {
    const unlock = () => void this.#unlock();
    for (const event of ["pointerdown", "keydown"]) {
      document.addEventListener(event, unlock, { capture: true, passive: true });
    }
  }

  play(tune: Tone[]): void {
    if (tune.length === 0) return;
    const context = this.#context;
    if (!context || context.state !== "running") {
      this.blocked.value = true;
      return;
    }
    const now = Date.now();
    if (now - this.#last < rest) return;
    this.#last = now;
    void alone(() => sound(context, tune));
  }

  async #unlock(): Promise<void> {
    if (typeof AudioContext === "undefined") return;
    this.#context ??= new AudioContext();
    if (this.#context.state !== "running") await this.#context.resume().catch(() => undefined);
    if (this.#context.state === "running") this.blocked.value = false;
  }
}

/** Plays in one tab only, when the person has several open. */
async function alone(play: () => void): Promise<void> {
  if (!("locks" in navigator)) {
    // Locks exist only on https and localhost.
    play();
    return;
  }
  await navigator.locks.request("bongsu.sound", { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    play();
    await new Promise((resolve) => setTimeout(resolve, rest / 2));
  });
}

function sound(context: AudioContext, tune: Tone[]): void {
  const begin = context.currentTime + 0.02;
  for (const tone of tune) {
    const oscillator = context.createOscillator();
    const gain = context.createGain();
    const [from, to] = [begin + tone.start, begin + tone.start + tone.length];
    oscillator.type = tone.shape ?? "sine";
    oscillator.frequency.value = tone.pitch;
    // A soft attack and an exponential decay: no clicks.
    gain.gain.setValueAtTime(0.0001, from);
    gain.gain.exponentialRampToValueAtTime((tone.volume ?? 0.5) * 0.3, from + 0.012);
    gain.gain.exponentialRampToValueAtTime(0.0001, to);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(from);
    oscillator.stop(to + 0.02);
  }
}
