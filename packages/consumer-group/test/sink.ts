/** A store outside, as the README shows it: keeps the place with each effect, and refuses tokens smaller than it has seen. */
export class Sink {
  readonly applied = new Map<string, number[]>();
  readonly #places = new Map<string, { token: number; next: number }>();

  /** Whoever asks where to begin, shuts the door behind those before him. */
  begin(key: string, token: number): number {
    const { token: greatest, next } = this.#places.get(key) ?? { token: 0, next: 0 };
    refuse(greatest, token);
    this.#places.set(key, { token, next });
    return next;
  }

  apply(key: string, token: number, offset: number, next = offset + 1): void {
    refuse(this.#places.get(key)!.token, token);
    this.#places.set(key, { token, next });
    const applied = this.applied.get(key) ?? [];
    applied.push(offset);
    this.applied.set(key, applied);
  }
}

function refuse(greatest: number, token: number): void {
  if (token < greatest) throw new Error(`token ${token} after ${greatest}`);
}
