/**
 * What the programs of a group have noted themselves: what was appended, what was handed to a handler and what came of it, what was
 * asked for, what the sink took. Nothing here was told by a consumer but that it called.
 *
 * `at`: how long the committed log was at that moment: what has an index below it had happened.
 */

/** One call of a handler. `life`: of the program in whose process it ran; `joined`: by its consumer of this number. */
export interface Handled {
  readonly life: string;
  readonly joined: number;
  readonly key: string;
  readonly token: number;
  readonly offset: number;
  readonly at: number;
  /** Of its beginning, among all events. */
  readonly order: number;
  /** When its work was done, whatever came after that; undefined until then. */
  worked: number | undefined;
  /** Undefined while it has not ended: its process may be dead. */
  end: { readonly order: number; readonly hasThrown: boolean } | undefined;
}

/** Somebody asked for this offset to be the next. */
export interface Sought {
  readonly life: string;
  readonly key: string;
  readonly offset: number;
  readonly at: number;
}

/** The sink has taken a message, and kept its place with it. */
export interface Applied {
  readonly key: string;
  readonly token: number;
  readonly offset: number;
  readonly at: number;
}

export interface Notes {
  /** Of each partition, the offset that the next message will have; they begin at 0 and have no gaps. */
  readonly ends: Map<string, number>;
  readonly handled: Handled[];
  readonly sought: Sought[];
  readonly applied: Applied[];
}

export const newNotes = (): Notes => ({ ends: new Map(), handled: [], sought: [], applied: [] });
