/**
 * Readers that take a decoded array apart, element by element, and name what is wrong with it.
 */
import { ProtocolError, type Value } from "./frame.ts";

/** Takes the elements of one message in order. */
export class Shape {
  readonly #values: readonly Value[];
  readonly #what: string;
  #at = 0;

  constructor(value: Value | undefined, what: string) {
    if (!Array.isArray(value)) throw new ProtocolError(`${what} is not an array`);
    this.#values = value as readonly Value[];
    this.#what = what;
  }

  int(field: string): number {
    const value = this.#next(field);
    if (typeof value !== "number") this.#wrong(field, "an integer");
    return value;
  }

  /** An integer of at least 0. */
  natural(field: string): number {
    const value = this.int(field);
    if (value < 0) this.#wrong(field, "an integer of at least 0");
    return value;
  }

  bool(field: string): boolean {
    const value = this.#next(field);
    if (typeof value !== "boolean") this.#wrong(field, "a boolean");
    return value;
  }

  str(field: string): string {
    const value = this.#next(field);
    if (typeof value !== "string") this.#wrong(field, "a string");
    return value;
  }

  strOrNil(field: string): string | null {
    const value = this.#next(field);
    if (typeof value !== "string" && value !== null) this.#wrong(field, "a string or nil");
    return value;
  }

  bin(field: string): Uint8Array {
    const value = this.#next(field);
    if (!(value instanceof Uint8Array)) this.#wrong(field, "binary");
    return value;
  }

  binOrNil(field: string): Uint8Array | null {
    const value = this.#next(field);
    if (value !== null && !(value instanceof Uint8Array)) this.#wrong(field, "binary or nil");
    return value;
  }

  list<T>(field: string, read: (item: Value, index: number) => T): T[] {
    const value = this.#next(field);
    if (!Array.isArray(value)) this.#wrong(field, "an array");
    return (value as readonly Value[]).map(read);
  }

  listOrNil<T>(field: string, read: (item: Value, index: number) => T): T[] | null {
    if (this.#values[this.#at] === null) {
      this.#at++;
      return null;
    }
    return this.list(field, read);
  }

  value(field: string): Value {
    return this.#next(field);
  }

  get more(): boolean {
    return this.#at < this.#values.length;
  }

  /** Nothing may be left. */
  end(): void {
    if (this.more) throw new ProtocolError(`${this.#what} has ${this.#values.length} elements, ${this.#at} expected`);
  }

  #next(field: string): Value {
    if (this.#at >= this.#values.length) throw new ProtocolError(`${this.#what} has no ${field}`);
    return this.#values[this.#at++] as Value;
  }

  #wrong(field: string, wanted: string): never {
    throw new ProtocolError(`${field} of ${this.#what} is not ${wanted}`);
  }
}
