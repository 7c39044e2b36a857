/** Bounds of a queue, each with the name by which errors and documentation call it. */

/** Priorities are 0 (first) to 9. */
export const PRIORITIES = 10;
export const PRIORITY_DEFAULT = 5;
/** Bytes of an id, as UTF-8. */
export const ID_BYTES_MAX = 512;
/** How often a job is taken before it goes to the dead letters, unless the queue says otherwise. */
export const ATTEMPTS_MAX_DEFAULT = 10;
/** Characters kept of the reason that a job was given back for. */
export const REASON_CHARS_MAX = 500;
/**
 * Bytes kept free for what is written about a job whose value is larger than {@link ROOM_FROM_BYTES}: so a value that the server took
 * once is never too large later on, when there are more attempts and a reason to write down.
 */
export const HEADER_BYTES = 8_192;
export const ROOM_FROM_BYTES = 16_384;
/** Letters that one `redrive` moves, unless told otherwise. */
export const REDRIVE_MAX_DEFAULT = 1_000;
/** The longest delay and the longest window for ids, milliseconds: the server's bound for a time to live. */
export const DELAY_MS_MAX: number = 2 ** 40 - 1;
/** The longest time for working on a job: the platform's bound for a timer. */
export const VISIBILITY_MS_MAX: number = 2 ** 31 - 1;
