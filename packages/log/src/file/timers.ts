/** What the file log asks of time: an idle mark and a look at the free space now and then. Never the order of anything. */
export interface Timers {
  /** Wall clock, milliseconds since 1970: only names torn tails. */
  now(): number;
  /** Calls once, after at least `milliseconds`. Returns how to call it off. */
  after(milliseconds: number, callback: () => void): () => void;
}
