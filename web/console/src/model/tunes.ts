/** One tone of a tune. */
export interface Tone {
  /** Hertz. */
  pitch: number;
  /** Seconds from the tune's start. */
  start: number;
  /** Seconds. */
  length: number;
  shape?: OscillatorType;
  /** 0 to 1; 0.5. */
  volume?: number;
}

const tones = (pitches: number[], step: number, length: number, rest: Partial<Tone> = {}): Tone[] =>
  pitches.map((pitch, i) => ({ pitch, start: i * step, length, ...rest }));

/** What each type sounds like; types that are not here share the plain chime. */
const byType: Record<string, Tone[]> = {
  ORDER_PLACED: tones([783.99, 1046.5, 1318.5], 0.09, 0.32, { shape: "triangle" }), // rising, a till
  CLAIM_FILED: tones([622.25, 466.16], 0.16, 0.36, { shape: "triangle" }), // falling, a sigh
  INQUIRY_CREATED: tones([587.33, 880], 0.12, 0.28),
  PRODUCT_INQUIRY: tones([523.25, 783.99], 0.12, 0.28),
  PRODUCT_APPROVAL: tones([659.25, 659.25, 987.77], 0.11, 0.24),
  EXCEL_COMPLETED: tones([1046.5, 783.99, 1046.5], 0.1, 0.26),
  FDS_DETECTED: tones([880, 622.25, 880, 622.25], 0.15, 0.14, { shape: "square", volume: 0.22 }), // an alarm
  NOTICE: tones([440, 554.37], 0, 0.7, { volume: 0.3 }), // a bell
};

/** The sounds that an event may ask for by name. */
const byName: Record<string, Tone[]> = {
  order: byType["ORDER_PLACED"]!,
  alarm: byType["FDS_DETECTED"]!,
  alert: byType["FDS_DETECTED"]!,
  bell: byType["NOTICE"]!,
  chime: tones([880, 1174.66], 0.09, 0.4),
};

/**
 * The tune of an entry: the one it names, else its type's, else the plain chime.
 * Empty when it asks for silence.
 */
export function tuneOf(type: string | undefined, sound: string | undefined): Tone[] {
  if (sound === "none" || sound === "silent") return [];
  return byName[sound ?? ""] ?? byType[type ?? ""] ?? byName["chime"]!;
}
